// The page: state on one side, what happens on the other, and forms that act.

import { ask, listen } from "./control.js";
import { button, choices, element, group, page, rows } from "./dom.js";
import { hear } from "./traffic.js";

const SETTLED = 150; // milliseconds after the last entry until the state is asked for anew
const TOLD = 8000; // milliseconds that what came of an action is shown
const MOST_RUNS = 4;
const KINDS = ["request", "event", "connection", "fault", "control", "scenario"];

let state = null;
let contract = { operations: [], events: [] };
let actor = null; // the _id of the user to act as

const person = (id) => state.users.find((user) => user._id === id);

// Acting

/** Ask for something to be done, and say what came of it. */
async function act(said, method, path, body) {
  try {
    const done = await ask(method, path, body);
    tell(typeof said === "function" ? said(done) : said);
  } catch (error) {
    tell(error.message, true);
  }
  await look();
}

let telling = null;

function tell(text, bad = false) {
  clearTimeout(telling);
  telling = text && setTimeout(() => tell(""), TOLD);
  page("told").textContent = text;
  page("told").classList.toggle("bad", bad);
}

const SAID = {
  send: "wrote to",
  typing: "types to",
  stopTyping: "stopped typing to",
  read: "read what came from",
  block: "blocked",
  unblock: "unblocked",
};
const FIELDS = { read: "with", block: "other", unblock: "other" };

function actWith(verb, more = {}) {
  const other = page("other").value;
  const said = `${person(actor).name} ${SAID[verb]} ${person(other).name}.`;
  return act(said, "POST", verb, { as: actor, [FIELDS[verb] ?? "to"]: other, ...more });
}

/** Let a form do something instead of being sent. */
function submits(id, action) {
  page(id).addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    action();
  });
}

submits("act", () => actWith("send", { text: page("text").value, by: page("by").value }));
for (const each of page("act").querySelectorAll("[data-verb]")) {
  each.addEventListener("click", () => actWith(each.dataset.verb));
}
submits("connect", () => {
  const device = page("device").value;
  return act(`${person(actor).name} connected ${device}.`, "POST", "connect", { as: actor, device });
});
submits("fault", () => {
  const kind = page("kind").value;
  const fault = { kind, times: Number(page("times").value) };
  if (page("whom").value) fault.user = page("whom").value;
  if (kind !== "refuse") {
    const [what, name] = page("target").value.split(" ");
    if (name) fault[what] = name;
  }
  if (isLate(kind)) fault.delay = Number(page("delay").value);
  if (hasStatus()) fault.code = Number(page("code").value);
  return act((done) => `Fault ${done.fault.id} is set: ${told(done.fault)}.`, "POST", "fault", fault);
});
page("clear-faults").addEventListener("click", () => act("Nothing goes wrong any more.", "DELETE", "faults"));
submits("step", () => act("The clock was stepped.", "POST", "clock", { step: page("by-time").value }));
page("freeze").addEventListener("click", () => {
  const freeze = !state.clock.frozen;
  return act(freeze ? "The clock stands still." : "The clock runs on.", "POST", "clock", { freeze });
});
page("follow").addEventListener("click", () =>
  act("The clock follows the system's.", "POST", "clock", { follow: true }),
);
submits("snapshot", () => {
  const name = page("name").value;
  return act(`Snapshot ${name} was taken.`, "POST", "snapshot", { name });
});
page("reset").addEventListener("click", () => {
  if (confirm("Forget all messages, settings, virtual devices and faults, and stop all scenarios?")) {
    act("The server is as it was at the start.", "POST", "reset");
  }
});

// Faults to choose

const isLate = (kind) => kind === "delay" || kind === "reorder";
const hasStatus = () => page("kind").value === "error" && !page("target").value.startsWith("event");

function showFaultForm() {
  const kind = page("kind").value;
  // The server hears of no error in what it tells, so none can be set.
  const events = contract.events.filter(({ by }) => kind !== "error" || by === "client");
  const targets = (label, what, names) =>
    element("optgroup", { label }, ...names.map((name) => new Option(name, `${what} ${name}`)));
  choices(page("target"), [
    new Option("any request or event", ""),
    targets("Operations", "operation", contract.operations.map(({ id }) => id)),
    targets("Events", "event", events.map(({ name }) => name)),
  ]);
  const chosen = page("target").value;
  const meant = contract.operations.filter(({ id }) => !chosen || chosen === `operation ${id}`);
  const codes = [...new Set(meant.flatMap(({ statuses }) => statuses))]
    .filter((code) => code >= 400 && meant.every(({ statuses }) => statuses.includes(code)))
    .sort((one, two) => two - one);
  choices(page("code"), codes.map((code) => new Option(code)));
  page("what").hidden = kind === "refuse";
  page("late").hidden = !isLate(kind);
  page("delay").disabled = !isLate(kind);
  page("status").hidden = !hasStatus();
}
page("fault").addEventListener("input", showFaultForm);

function told(fault) {
  const what = fault.operation ?? fault.event ?? (fault.kind === "refuse" ? "connections" : "anything");
  const detail = fault.code ? ` with ${fault.code}` : fault.delay !== null ? ` by ${fault.delay} ms` : "";
  return `${fault.kind} ${what}${detail}, ${fault.user?.name ?? "anybody"}, ${fault.left}×`;
}

// State

/** Ask for the state and show it. */
async function look() {
  try {
    const [now, faults, runs, snapshots] = await Promise.all(
      ["state", "faults", "runs", "snapshots"].map((path) => ask("GET", path)),
    );
    state = now;
    showUsers();
    showFaults(faults);
    showRuns(runs);
    showClock();
    showSnapshots(snapshots);
  } catch {
    return; // the stream tells that the server is gone
  }
}

function showUsers() {
  if (!person(actor)) actor = state.users[0]?._id ?? null;
  const online = state.users.filter((user) => user.online).length;
  page("online").textContent = `${online} of ${state.users.length} online`;
  const seen = state.users.map((user) => ({ ...user, chosen: user._id === actor }));
  rows(page("people"), seen, (user) => user._id, userRow);
  const options = () => state.users.map((user) => new Option(user.name, user._id));
  choices(page("other"), options().filter((option) => option.value !== actor));
  choices(page("whom"), [new Option("anybody", ""), ...options()]);
  choices(page("only-user"), [new Option("everybody", ""), ...options()]);
  page("actor").textContent = person(actor)?.name ?? "";
  const devices = (person(actor)?.devices ?? []).map((device) => ({ ...device, owner: actor }));
  rows(page("devices"), devices, (device) => device.name, deviceRow);
  page("violations").textContent = state.violations;
  page("violations").hidden = state.violations === 0;
  const count = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;
  page("kept").textContent = `${count(state.messages, "message")} in ${count(state.conversations.length, "conversation")}`;
}

function userRow(user) {
  const input = element("input", { type: "radio", name: "actor", value: user._id, checked: user.chosen });
  input.ariaLabel = user.name;
  input.addEventListener("change", () => {
    actor = user._id;
    showUsers();
  });
  const since = user.lastSeen ? `seen ${new Date(user.lastSeen).toLocaleTimeString("en-GB")}` : "offline";
  const devices = user.devices.map(({ name }) => name).join(", ");
  return element(
    "label",
    { className: user.online ? "person online" : "person" },
    input,
    element("span", { className: "dot", ariaHidden: "true" }),
    element("span", {}, user.name),
    element("span", { className: "quiet" }, user.online ? devices || "online" : since),
  );
}

function deviceRow(device) {
  const { name } = person(device.owner);
  const body = { as: device.owner, device: device.name };
  const leave = () => act(`${device.name} of ${name} left.`, "POST", "leave", body);
  const drop = () => {
    const later = page("unnoticed").checked && device.virtual ? { unnoticed: "20s" } : {};
    return act(`${device.name} of ${name} was dropped.`, "POST", "drop", { ...body, ...later });
  };
  return element(
    "li",
    {},
    element("span", { className: "wide" }, device.name, " ", element("span", { className: "quiet" }, device.virtual ? "virtual" : "client")),
    device.virtual ? button("Leave", `Let ${device.name} of ${name} leave`, leave) : null,
    button("Drop", `Drop ${device.name} of ${name}`, drop),
  );
}

function showFaults(faults) {
  rows(page("faults"), faults, (fault) => fault.id, (fault) =>
    element(
      "li",
      {},
      element("span", { className: "wide" }, `${fault.id}: ${told(fault)}`),
      button("Clear", `Clear fault ${fault.id}`, () => act(`Fault ${fault.id} is cleared.`, "DELETE", `faults/${fault.id}`)),
    ),
  );
  page("clear-faults").disabled = faults.length === 0;
}

function showRuns(runs) {
  rows(page("runs"), runs.slice(-MOST_RUNS).reverse(), (run) => run.id, (run) =>
    element(
      "li",
      {},
      element(
        "span",
        { className: "wide" },
        `${run.name} `,
        element("span", { className: run.state === "failed" ? "bad" : "quiet" }, `${run.state}, ${run.done} of ${run.steps}${run.problem ? `: ${run.problem}` : ""}`),
      ),
      run.state === "running"
        ? button("Stop", `Stop ${run.name}`, () => act(`${run.name} is stopped.`, "DELETE", `runs/${run.id}`))
        : null,
    ),
  );
}

function showScenarios(scenarios) {
  rows(page("scenarios"), scenarios, (each) => each.name, (each) =>
    element(
      "li",
      {},
      element(
        "span",
        { className: "wide" },
        each.name,
        element("span", { className: "quiet block" }, `${each.title} · ${Math.round(each.seconds)} s`),
      ),
      button("Run", `Run ${each.name}`, () => act(`${each.name} runs.`, "POST", `scenarios/${each.name}/run`)),
    ),
  );
}

function showSnapshots(snapshots) {
  const path = (name) => `snapshots/${encodeURIComponent(name)}`;
  rows(page("snapshots"), snapshots, ({ name }) => name, ({ name, taken }) =>
    element(
      "li",
      {},
      element("span", { className: "wide" }, name, " ", element("span", { className: "quiet" }, new Date(taken).toLocaleTimeString("en-GB"))),
      button("Restore", `Restore ${name}`, () => act(`All is as in ${name}.`, "POST", "restore", { name })),
      button("Forget", `Forget ${name}`, () => act(`${name} is forgotten.`, "DELETE", path(name))),
    ),
  );
}

let difference = 0; // of the server's clock to ours, in milliseconds

function showClock() {
  const { now, frozen, steered } = state.clock;
  difference = new Date(now) - Date.now();
  page("freeze").textContent = frozen ? "Let it run" : "Freeze";
  page("follow").disabled = !steered;
  page("steered").textContent = frozen ? "stands still" : steered ? "steered" : "follows the system";
  tick();
}

function tick() {
  if (!state) return;
  const now = state.clock.frozen ? new Date(state.clock.now) : new Date(Date.now() + difference);
  page("now").textContent = `${now.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

// What happens

let asking = null;

/** Ask for the state once a burst of entries is over, and now and then while it lasts. */
function lookSoon() {
  asking ??= setTimeout(() => {
    asking = null;
    look();
  }, SETTLED);
}

async function begin() {
  connected("Connected", true);
  try {
    const [known, scenarios] = await Promise.all([ask("GET", "contract"), ask("GET", "scenarios")]);
    contract = known;
    showScenarios(scenarios);
  } catch (error) {
    return tell(error.message, true);
  }
  showFaultForm();
  choices(page("only-name"), [
    new Option("all", ""),
    element("optgroup", { label: "Kinds" }, ...KINDS.map((kind) => new Option(kind === "control" ? kind : `${kind}s`, kind))),
    group("Operations", contract.operations.map(({ id }) => id)),
    group("Events", contract.events.map(({ name }) => name)),
  ]);
  await look();
}

function connected(text, good) {
  page("connection").textContent = text;
  page("connection").className = good ? "state good" : "state bad";
}

listen({
  opened: begin,
  heard: (entry) => hear(entry) && lookSoon(),
  lost: () => connected("The server is gone; looking for it …", false),
});
setInterval(tick, 1000);
document.addEventListener("visibilitychange", () => document.hidden || look());
