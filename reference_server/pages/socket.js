// A Socket.IO client for one page: protocol 5 over Engine.IO 4, WebSocket, the default namespace.
// Frontends use socket.io-client; this one keeps the page free of anything to build or to fetch.

export class Connection {
  /** `on` has the functions opened(), heard(event, payload), refused(message), closed(). */
  constructor(token, on) {
    this.waiting = new Map();
    this.next = 0;
    this.on = on;
    const address = new URL("/socket.io/", location.href.replace(/^http/, "ws"));
    address.search = new URLSearchParams({ EIO: 4, transport: "websocket", token });
    this.socket = new WebSocket(address);
    this.socket.addEventListener("message", ({ data }) => this.take(String(data)));
    this.socket.addEventListener("close", () => on.closed());
  }

  /** Emit an event; `acknowledged` is called with the first argument of the acknowledgement. */
  emit(event, payload, acknowledged) {
    const id = acknowledged ? this.next++ : "";
    if (acknowledged) this.waiting.set(id, acknowledged);
    this.socket.send(`42${id}${JSON.stringify([event, payload])}`);
  }

  close() {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send("41");
    this.socket.close();
  }

  take(packet) {
    const [, kind, id, body] = /^(4[0-4]|.)(\d*)(.*)$/s.exec(packet);
    if (packet.startsWith("0")) this.socket.send("40");
    else if (packet === "2") this.socket.send("3");
    else if (kind === "40") this.on.opened();
    else if (kind === "42") this.on.heard(...JSON.parse(body));
    else if (kind === "43") {
      this.waiting.get(Number(id))?.(...JSON.parse(body));
      this.waiting.delete(Number(id));
    } else if (kind === "44") {
      this.on.refused(JSON.parse(body).message);
      this.socket.close();
    } else if (kind === "41") this.socket.close();
  }
}
