// Knows one socket per user: the newest one (D15). An older one stays open and hears nothing; when
// the newest leaves, its user is gone. Takes white space for a text and trims it (D5).
import { backend } from '../../../examples/express/server.js'

const { io, chat } = backend
const sockets = new Map()

chat.tell = (event, payload, userIds) => {
  for (const id of new Set(userIds)) sockets.get(id)?.emit(event, payload)
}
chat.isOnline = user => sockets.has(user.id)
chat.join = (user, socketId) => {
  sockets.set(user.id, io.sockets.sockets.get(socketId))
  chat.tellFriends(user, { isOnline: true, lastSeen: null })
}
chat.leave = (user, socketId) => {
  if (sockets.get(user.id)?.id !== socketId) return
  sockets.delete(user.id)
  chat.tellFriends(user, { isOnline: false, lastSeen: new Date().toISOString() })
}

const { send } = chat
chat.send = (sender, recipient, message) =>
  send.call(chat, sender, recipient, { ...message, text: message.text.trim() })
