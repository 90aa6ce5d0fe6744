// The control interface: requests to it, and its stream.

const ROOT = "/_reference";
const KINDS = ["request", "event", "connection", "fault", "control", "scenario"];
const PATIENCE = 1000; // milliseconds between two attempts to connect

/** The data of an answer. Throws an Error with the server's own words, or that it is not there. */
export async function ask(method, path, body) {
  const options = { method };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(`${ROOT}/${path}`, options);
  } catch {
    throw new Error("The server does not answer.");
  }
  const { success, data, message } = await answer.json().catch(() => ({}));
  if (!success) throw new Error(message ?? `The server answered ${answer.status}.`);
  return data;
}

/**
 * Hear of every entry, of those that the server still knows first. A server that ends or starts
 * anew is looked for until it is there; then it tells all it knows again, since a new server counts
 * its entries from the beginning.
 */
export function listen({ heard, opened, lost }) {
  const source = new EventSource(`${ROOT}/stream?since=0`);
  const told = ({ data }) => heard(JSON.parse(data));
  for (const kind of KINDS) source.addEventListener(kind, told);
  source.onopen = opened;
  source.onerror = () => {
    source.close();
    lost();
    setTimeout(() => listen({ heard, opened, lost }), PATIENCE);
  };
}
