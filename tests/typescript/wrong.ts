// What must not compile: each line that ends in `// wrong`, and no other.
import createClient from "openapi-fetch";
import type { Socket } from "socket.io-client";
import type { ClientToServerEvents, ServerToClientEvents } from "./chat/events.js";
import type { components, paths } from "./chat/rest.js";
import type { ChatSocket } from "./chat/socket.js";

const id = "60d0fe4f5311236168a109cb";
const file = { type: "image", url: "https://cdn.example/a.jpg" } as const;
const api = createClient<paths>({ baseUrl: "/" });
declare const plain: Socket<ServerToClientEvents, ClientToServerEvents>;
declare const socket: ChatSocket;

plain.emit("sendMessage", { recipientId: id, text: "x" });
plain.emit("sendMessage", { recipientId: id, attachment: file });
plain.emit("sendMessage", { text: "x" }); // wrong
plain.emit("sendMessage", { recipientId: id }); // wrong
plain.emit("sendMessage", { recipientId: id, text: 5 }); // wrong
plain.emit("sendMessage", { recipientId: id, attachment: { ...file, type: "sound" } }); // wrong
plain.emit("sendMessage"); // wrong
plain.emit("sendMassage", { recipientId: id, text: "x" }); // wrong
plain.emit("receiveMessage", {}); // wrong
plain.emit("typing", { recipientId: id }, (answer) => answer.success);
plain.emit("typing", { recipientId: id }, (answer) => answer.data); // wrong
plain.emit("typing", { recipient: id }); // wrong
plain.on("receiveMessage", (message) => message._id.length);
plain.on("receiveMessage", (message) => message.body); // wrong
plain.on("receiveMessage", (message) => message.sender.name); // wrong
plain.on("typing", () => {}); // wrong
plain.on("userStatus", (status) => status.isOnline || status.lastSeen.length);
plain.on("userStatus", (status) => status.lastSeen.length); // wrong

socket.emit("typing", { recipientId: id });
socket.emit("typing", {}); // wrong
socket.emitWithAck("sendMessage", { recipientId: id, text: "x" });
socket.emitWithAck("sendMessage", { recipientId: id }); // wrong
socket.emitWithAck("sendMessage"); // wrong
socket.timeout(9).emitWithAck("typing", { recipientId: 5 }); // wrong
const answer = await socket.emitWithAck("sendMessage", { recipientId: id, text: "x" });
export const status = answer.success && answer.data.status;
export const unchecked = answer.data; // wrong
export const misnamed = answer.success && answer.data.state; // wrong
socket.timeout(9).emit("typing", { recipientId: id }, (error, answer) => error ?? answer.success);
socket.timeout(9).emit("typing", { recipientId: id }, (error, answer) => error ?? answer.data); // wrong
const noticed = await socket.timeout(9).emitWithAck("typing", { recipientId: id });
export const why: string = noticed.success ? "" : noticed.message;
export const never: string = noticed.message; // wrong

api.GET("/api/messages/{otherUserId}", { params: { path: { otherUserId: id } } });
api.GET("/api/messages/{otherUserId}"); // wrong
api.GET("/api/messages"); // wrong
api.POST("/api/messages/send", { body: { recipientId: id, text: "x" } });
api.POST("/api/messages/send", { body: { text: "x" } }); // wrong
api.POST("/api/chat/send", { body: { to: id, text: "x" } }); // wrong
const path = { otherUserId: id };
api.PUT("/api/conversations/{otherUserId}/metadata", { params: { path }, body: { isPinned: true } });
api.PUT("/api/conversations/{otherUserId}/metadata", { params: { path }, body: { isPinned: 1 } }); // wrong
export const seen: components["schemas"]["MessageStatus"] = "read";
export const lost: components["schemas"]["MessageStatus"] = "lost"; // wrong
