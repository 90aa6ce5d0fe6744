// What one entry of the traffic looks like.

import { element } from "./dom.js";

const FACTS = {
  path: "Path",
  to: "Told",
  device: "Device",
  reason: "Reason",
  fault: "Fault",
  operation: "Operation",
  event: "Event",
  run: "Run",
  by: "By",
};
const CONTENTS = {
  headers: "Headers",
  body: "Body",
  answer: "Answer",
  payload: "Payload",
  acknowledgement: "Acknowledgement",
  arguments: "Arguments",
};
const BROKEN = { client: "Your client broke the contract", server: "The server broke the contract" };

/** Whether somebody broke the contract. */
export const isViolation = (entry) => entry.verdict === "broken" || Boolean(entry.mend);

/** The users that an entry is about. */
export const usersOf = (entry) => [entry.user?._id, ...(entry.to ?? []).map((user) => user?._id)];

/** The operation or event that an entry is about. */
export const subjectsOf = (entry) => [entry.kind, entry.name, entry.operation, entry.event];

/** A list item: one line, what to mend where something is wrong, all the rest on demand. */
export function render(entry) {
  const item = element("li", { className: `entry ${entry.kind}` });
  if (isViolation(entry)) item.classList.add("violation");
  const details = element("details", {}, summary(entry));
  item.append(details);
  if (isViolation(entry)) item.append(verdict(entry));
  let detail = null; // made when it is first asked for
  details.addEventListener("toggle", () => {
    if (!detail) item.append((detail = content(entry)));
    detail.hidden = !details.open;
  });
  return item;
}

function summary(entry) {
  const quiet = (text) => element("span", { className: "quiet" }, text);
  return element(
    "summary",
    {},
    element("time", { dateTime: entry.time }, clock(entry.time)),
    element("span", { className: "mark", ariaHidden: "true" }, mark(entry)),
    element("span", { className: "who" }, who(entry)),
    element("span", { className: "name" }, name(entry)),
    ...aside(entry).map(quiet),
    ...(entry.by === "control" ? [quiet("by control")] : []),
    ...(entry.fault && entry.kind !== "fault" ? [element("span", { className: "tag" }, `fault ${entry.fault}`)] : []),
    judged(entry),
  );
}

/** By the clock of whoever looks, with milliseconds. */
function clock(time) {
  const moment = new Date(time);
  return `${moment.toLocaleTimeString("en-GB")}.${String(moment.getMilliseconds()).padStart(3, "0")}`;
}

function mark({ kind, direction, name }) {
  if (kind === "request") return "⇄";
  if (kind === "event") return direction === "in" ? "→" : "←";
  if (kind === "connection") return name === "connect" ? "●" : "○";
  return { fault: "⚡", control: "⌘", scenario: "▶" }[kind] ?? "·";
}

function who({ user, to, kind, direction }) {
  if (kind !== "event" || direction === "in") return user?.name ?? (["scenario", "control"].includes(kind) ? "" : "somebody");
  return to.length ? `to ${to.map((each) => each?.name ?? "?").join(", ")}` : "to nobody online";
}

function name(entry) {
  if (entry.kind === "connection") return { connect: "connected", disconnect: "disconnected" }[entry.name] ?? entry.name;
  if (entry.kind === "fault") return `${entry.name} of ${entry.operation ?? entry.event ?? "a connection"}`;
  if (entry.kind === "scenario") return entry.name === "step" ? entry.verb : `${entry.scenario} ${entry.name}`;
  return entry.name;
}

/** What else there is to say in a line. */
function aside(entry) {
  if (entry.kind === "request") {
    const took = entry.milliseconds === undefined ? [] : [`${entry.milliseconds} ms`];
    const called = entry.name.startsWith(`${entry.method} `) ? [] : [`${entry.method} ${entry.path}`];
    return [...called, ...took];
  }
  if (entry.kind === "connection") return [entry.device ?? entry.reason].filter(Boolean);
  if (entry.kind === "fault") return [`fault ${entry.fault}`];
  if (entry.kind === "scenario" && entry.name === "step") return [`${entry.scenario}, step ${entry.step} of ${entry.steps}`];
  if (entry.problem && !isViolation(entry)) return [entry.problem];
  return [];
}

function judged(entry) {
  const status = entry.kind === "request" ? String(entry.status ?? "no answer") : "";
  if (isViolation(entry)) return element("span", { className: "verdict bad" }, `${status} broken`.trim());
  if (entry.verdict !== "kept") return null;
  const refused = entry.status >= 400 || entry.status === null || entry.acknowledgement?.success === false;
  const text = status || (refused ? "refused" : "kept");
  const meant = "The contract was kept";
  return element("span", { className: refused ? "verdict warn" : "verdict good", title: meant }, text, element("span", { className: "unseen" }, `, ${meant.toLowerCase()}`));
}

function verdict(entry) {
  const source = [entry.requirement, entry.notes && `notes ${entry.notes}`].filter(Boolean).join(", ");
  const by = BROKEN[entry.brokenBy ?? "client"] + (source ? ` (${source})` : "");
  const mend = entry.mend && element("p", {}, element("strong", {}, "Mend: "), entry.mend);
  return element("div", { className: "mending" }, element("p", {}, element("strong", {}, `${by}: `), entry.problem ?? ""), mend || null);
}

function content(entry) {
  const facts = element("dl", {});
  for (const [field, title] of Object.entries(FACTS)) {
    const value = entry[field];
    if (value === undefined || value === null || value.length === 0) continue;
    const text = field === "to" ? value.map((user) => user?.name ?? "?").join(", ") : String(value);
    facts.append(element("dt", {}, title), element("dd", {}, text));
  }
  const parts = Object.entries(CONTENTS)
    .filter(([field]) => entry[field] !== undefined && entry[field] !== null)
    .flatMap(([field, title]) => [
      element("h3", {}, title),
      element("pre", { tabIndex: 0, ariaLabel: title }, field === "headers" ? lines(entry.headers) : json(entry[field])),
    ]);
  return element("div", { className: "detail" }, facts, ...parts);
}

const lines = (headers) => Object.entries(headers).map(([name, value]) => `${name}: ${value}`).join("\n");

const json = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));
