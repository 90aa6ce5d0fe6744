// A typed client of the contract: openapi-fetch for the operations, socket.io-client for the events.
// It plays Asha and Ben against the server at R2C_URL and prints what happened as JSON.
import createClient from "openapi-fetch";
import { io, type Socket } from "socket.io-client";
import type { ClientToServerEvents, ServerToClientEvents } from "./chat/events.js";
import type { components, operations, paths } from "./chat/rest.js";
import type { ChatSocket } from "./chat/socket.js";

declare const process: { env: Record<string, string> };

type Message = components["schemas"]["Message"];
type Settings = operations["updateConversationMetadata"]["requestBody"]["content"]["application/json"];

interface Person {
  _id: string;
  token: string;
}

const url = process.env["R2C_URL"]!;
const { asha, ben }: { asha: Person; ben: Person } = JSON.parse(process.env["R2C_USERS"]!);
const headers = { Authorization: `Bearer ${asha.token}` };
const api = createClient<paths>({ baseUrl: url, headers });

/** The id of a sender, whichever of the two forms the contract allows it has. */
function senderOf(message: Message): string {
  return typeof message.sender === "string" ? message.sender : message.sender._id;
}

/** Messages have a text, or an attachment, or both; the type knows. */
function shown(message: Message): string {
  return message.text ?? message.attachment!.url;
}

async function operationsWork(): Promise<string[]> {
  const sent = await api.POST("/api/messages/send", {
    body: { recipientId: ben._id, attachment: { type: "image", url: "https://cdn.example/a.jpg" } },
  });
  if (!sent.data) throw new Error(sent.error?.message);
  await api.POST("/api/chat/send", { body: { to: "R2C20251109002", message: "by public id" } });
  const settings: Settings = { isPinned: true, customRingtone: null };
  const kept = await api.PUT("/api/conversations/{otherUserId}/metadata", {
    params: { path: { otherUserId: ben._id } },
    body: settings,
  });
  const history = await api.GET("/api/messages/{otherUserId}", {
    params: { path: { otherUserId: ben._id } },
  });
  if (!history.data) throw new Error("no history");
  const names: string[] = history.data.data.map((message) => message.sender.name);
  return [shown(sent.data.data), String(kept.data?.data.isPinned), ...names];
}

async function eventsWork(): Promise<string[]> {
  const told: string[] = [];
  const listening: Socket<ServerToClientEvents, ClientToServerEvents> = io(url, {
    query: { token: ben.token },
    forceNew: true,
  });
  const heard = new Promise<void>((resolve) => {
    listening.on("receiveMessage", (message) => {
      told.push(`${senderOf(message) === asha._id} ${shown(message)} ${message.status}`);
    });
    listening.on("typingStatus", ({ senderId, isTyping }) => {
      told.push(`${senderId === asha._id} ${isTyping}`);
      if (isTyping) resolve();
    });
    listening.on("userStatus", (status) => {
      if (!status.isOnline) told.push(`left at ${status.lastSeen}`);
    });
  });
  await new Promise<void>((resolve) => listening.on("connect", resolve));

  const socket: ChatSocket = io(url, { query: { token: asha.token }, forceNew: true });
  const answer = await socket.emitWithAck("sendMessage", { recipientId: ben._id, text: "typed" });
  told.push(answer.success ? answer.data.status : answer.message);
  const refused = await socket.timeout(5000).emitWithAck("typing", { recipientId: "nobody" });
  told.push(refused.success ? "taken" : `refused: ${refused.message.length > 0}`);
  await new Promise<void>((resolve) => {
    socket.emit("stopTyping", { recipientId: ben._id }, (noticed) => {
      told.push(String(noticed.success));
      resolve();
    });
  });
  socket.emit("typing", { recipientId: ben._id });
  await heard;
  socket.disconnect();
  listening.disconnect();
  return told;
}

console.log(JSON.stringify({ operations: await operationsWork(), events: await eventsWork() }));
