// Connects as users, emits events, and shows what each of them hears.
import { description, introduce, person, toAnother } from "./people.js";
import { Connection } from "./socket.js";

const MOST_SHOWN = 200;
const page = (id) => document.querySelector(`#${id}`);
const connections = new Map(); // by the user's name

introduce(page("user"), page("people"));
const pasting = page("user").length === 0;
page("choice").hidden = pasting;
page("pasted").hidden = !pasting;

for (const { event } of description.events) page("event").add(new Option(event));
page("event").addEventListener("change", showExamples);
page("example").addEventListener("change", showPayload);
page("as").addEventListener("change", direct);
showExamples();

page("connect").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  if (pasting) connect(`Token ${connections.size + 1}`, page("token").value.trim());
  else connect(person(page("user").value).name, person(page("user").value).token);
});
page("emit").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  emit();
});
page("clear").addEventListener("click", () => page("log").replaceChildren());

function connect(name, token) {
  if (connections.has(name)) return tell(`${name} is connected already.`);
  let refused = false;
  const connection = new Connection(token, {
    opened() {
      connections.set(name, connection);
      showConnected();
      note(name, "connected");
      tell(`${name} is connected.`);
    },
    heard: (event, payload) => note(name, `← ${event}`, payload),
    refused(message) {
      refused = true;
      note(name, "refused", message, "bad");
      tell(`${name} was refused: ${message}`);
    },
    closed() {
      if (!connections.delete(name)) return refused || tell(`${name} cannot connect.`);
      showConnected();
      note(name, "disconnected");
      tell(`${name} is disconnected.`);
    },
  });
}

function emit() {
  const name = page("as").value;
  const event = page("event").value;
  let payload;
  try {
    payload = JSON.parse(page("payload").value);
  } catch (error) {
    page("wrong").textContent = `The payload is no JSON: ${error.message}`;
    return;
  }
  page("wrong").textContent = "";
  note(name, `→ ${event}`, payload);
  const acknowledged = (answer) =>
    note(name, `← acknowledgement of ${event}`, answer, answer?.success === false ? "bad" : "good");
  connections.get(name).emit(event, payload, page("acknowledge").checked && acknowledged);
}

function showExamples() {
  const { examples } = description.events.find(({ event }) => event === page("event").value) ?? { examples: [] };
  page("example").replaceChildren(...examples.map(({ name }, index) => new Option(name, index)));
  page("example").examples = examples;
  showPayload();
}

function showPayload() {
  const example = page("example").examples[page("example").value || 0];
  page("payload").value = JSON.stringify(example?.payload ?? {}, null, 2);
  direct();
}

function direct() {
  const emitting = description.users.find(({ name }) => name === page("as").value);
  page("payload").value = toAnother(page("payload").value, emitting);
}

function showConnected() {
  const chosen = page("as").value;
  page("as").replaceChildren(...[...connections.keys()].map((name) => new Option(name)));
  if (connections.has(chosen)) page("as").value = chosen;
  direct();
  page("writing").disabled = connections.size === 0;
  page("connected").replaceChildren(
    ...[...connections].map(([name, connection]) => {
      const chip = document.createElement("li");
      const button = chip.appendChild(document.createElement("button"));
      button.type = "button";
      button.textContent = `${name} ×`;
      button.ariaLabel = `Disconnect ${name}`;
      button.addEventListener("click", () => connection.close());
      return chip;
    }),
  );
}

function note(name, what, payload, kind = "") {
  const entry = document.createElement("li");
  const line = entry.appendChild(document.createElement("span"));
  line.className = kind;
  line.textContent = `${new Date().toLocaleTimeString()}  ${name} ${what}`;
  if (payload !== undefined) {
    entry.appendChild(document.createElement("pre")).textContent = JSON.stringify(payload, null, 2);
  }
  page("log").prepend(entry);
  while (page("log").children.length > MOST_SHOWN) page("log").lastChild.remove();
}

function tell(text) {
  page("told").textContent = text;
}
