// Plays Asha and Ben with socket.io-client against the server at R2C_URL and prints what happened
// as JSON. Every wait has a deadline; one that passes ends the process with a sentence.
import { io } from "socket.io-client";

const url = process.env.R2C_URL;
const users = JSON.parse(process.env.R2C_USERS);
const transports = JSON.parse(process.env.R2C_TRANSPORTS);
const DEADLINE = 5000;

const options = (token) => ({
  query: { token },
  reconnection: false,
  forceNew: true,
  ...(transports && { transports }),
});

// A socket that remembers every event and lets one wait for the first that fits.
function listen(token) {
  const socket = io(url, options(token));
  const heard = [];
  const waiting = [];
  socket.onAny((event, payload) => {
    heard.push([event, payload]);
    for (const look of waiting) look();
  });
  const next = (event, fits = () => true) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${event} came`)), DEADLINE);
      const look = () => {
        const found = heard.find(([name, payload]) => name === event && fits(payload));
        if (found) {
          clearTimeout(timer);
          resolve(found[1]);
        }
      };
      waiting.push(look);
      look();
    });
  const connected = new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no connection came")), DEADLINE);
    const end = (settle) => (value) => {
      clearTimeout(timer);
      settle(value);
    };
    socket.on("connect", end(() => resolve(socket.io.engine.transport.name)));
    socket.on("connect_error", end(reject));
  });
  return { socket, heard, next, connected };
}

async function play() {
  const told = {};
  const ben = listen(users.Ben.token);
  told.firstTransport = await ben.connected;

  const asha = listen(users.Asha.token);
  await asha.connected;
  told.online = await ben.next("userStatus", (it) => it.userId === users.Asha._id && it.isOnline);

  told.acknowledged = await asha.socket
    .timeout(DEADLINE)
    .emitWithAck("sendMessage", { recipientId: users.Ben._id, text: "Hello Ben 👋" });
  const fits = (it) => it.text === "Hello Ben 👋";
  told.received = await ben.next("receiveMessage", fits);
  told.confirmed = await asha.next("receiveMessage", fits);

  ben.socket.emit("typing", { recipientId: users.Asha._id });
  told.typing = await asha.next("typingStatus", (it) => it.isTyping);
  ben.socket.emit("stopTyping", { recipientId: users.Asha._id });
  told.stopped = await asha.next("typingStatus", (it) => !it.isTyping);

  told.refusedEvent = await asha.socket
    .timeout(DEADLINE)
    .emitWithAck("sendMessage", { recipientId: users.Ben._id });

  asha.socket.disconnect();
  told.offline = await ben.next("userStatus", (it) => it.userId === users.Asha._id && !it.isOnline);
  told.copies = ben.heard.filter(([event, it]) => event === "receiveMessage" && fits(it)).length;
  told.lastTransport = ben.socket.io.engine.transport.name;
  ben.socket.disconnect();

  const stranger = listen("not.a.token");
  told.refusal = await stranger.connected.then(() => "connected", (error) => error.message);
  stranger.socket.close();
  return told;
}

play().then(
  (told) => console.log(JSON.stringify(told)),
  (error) => {
    console.error(error.message);
    process.exit(1);
  },
);
