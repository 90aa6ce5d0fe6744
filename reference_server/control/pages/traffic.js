// The list of what happens: bounded, in the order of time, filtered.

import { page } from "./dom.js";
import { isViolation, render, subjectsOf, usersOf } from "./entries.js";

const MOST_SHOWN = 1000;
const MOST_KNOWN = 4 * MOST_SHOWN;
const AT_ONCE = 200; // entries that are drawn before the page may do something else

const log = page("log");
// What was heard already, by id and time: a server that starts anew counts from one again.
const known = new Set();
const shown = []; // {entry, item}, the newest first, as in the list
let waiting = []; // heard and not yet drawn
let paused = false;
let drawing = false;

/** Take an entry to be shown. False where it was heard before. */
export function hear(entry) {
  const key = `${entry.id} ${entry.time}`;
  if (known.has(key)) return false;
  known.add(key);
  if (known.size > MOST_KNOWN) known.delete(known.values().next().value);
  waiting.push(entry);
  if (waiting.length > 2 * MOST_SHOWN) {
    waiting = waiting.slice(-MOST_SHOWN);
  }
  soon();
  return true;
}

/** Draw what waits, some of it at a time. */
function soon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    if (!paused) draw(waiting.splice(0, AT_ONCE));
    tell();
    if (!paused && waiting.length) soon();
  });
}

/** Insert entries; what one reads does not move away. */
function draw(entries) {
  const above = log.scrollTop;
  const height = above > 0 && log.scrollHeight;
  entries.forEach(insert);
  while (shown.length > MOST_SHOWN) shown.pop().item.remove();
  if (above > 0) log.scrollTop = above + log.scrollHeight - height;
}

function insert(entry) {
  let at = 0;
  while (at < shown.length && isBefore(entry, shown[at].entry)) at++;
  if (at >= MOST_SHOWN) return;
  const item = render(entry);
  item.hidden = !fits(entry);
  log.insertBefore(item, shown[at]?.item ?? null);
  shown.splice(at, 0, { entry, item });
}

/** Whether one entry began before another. Within a millisecond, causes come before effects. */
function isBefore(one, two) {
  if (one.time !== two.time) return one.time < two.time;
  return rank(one) === rank(two) ? one.id < two.id : rank(one) < rank(two);
}

/** What clients do is noted once it is done, but came first; verbs are noted after what they do. */
function rank({ kind, direction }) {
  if (kind === "control" || kind === "scenario") return 2;
  return kind === "request" || direction === "in" ? 0 : 1;
}

function fits(entry) {
  const user = page("only-user").value;
  const name = page("only-name").value;
  if (user && !usersOf(entry).includes(user)) return false;
  if (name && !subjectsOf(entry).includes(name)) return false;
  return !page("only-violations").checked || isViolation(entry);
}

function tell() {
  const seen = shown.filter(({ item }) => !item.hidden).length;
  const parts = seen === shown.length ? [`${seen}`] : [`${seen} of ${shown.length}`];
  if (paused && waiting.length) parts.push(`${waiting.length} waiting`);
  page("count").textContent = parts.join(", ");
  page("nothing").hidden = seen > 0;
  page("nothing").textContent = shown.length
    ? "Nothing that fits the filter."
    : "Nothing yet. Connect your frontend, or act as somebody.";
}

page("filter").addEventListener("input", () => {
  for (const each of shown) each.item.hidden = !fits(each.entry);
  tell();
});
page("filter").addEventListener("submit", (submitted) => submitted.preventDefault());
page("pause").addEventListener("click", () => {
  paused = !paused;
  page("pause").ariaPressed = String(paused);
  page("pause").textContent = paused ? "Go on" : "Pause";
  soon();
});
page("clear").addEventListener("click", () => {
  waiting = [];
  shown.length = 0;
  log.replaceChildren();
  tell();
});
tell();
