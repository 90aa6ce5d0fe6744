// Says more than it has to: references with further fields wherever it can (D3), ids in capitals
// (D2), further fields, events and event arguments (D6, D16), presence for the user's own sockets and
// the friends', as it was, some time after somebody has come (D14), a typing that ends by itself. Shows
// unknown fields of an event again (D6, D16). Takes an ObjectId in `to` (D2).
// The blocked are answered 201, and what they write is kept and not delivered (D10).
import { AsyncLocalStorage } from 'node:async_hooks'
import { backend } from '../../../examples/express/server.js'

const TYPES_MS = 1500
const SLOW_MS = 300
const { io, users, chat, store } = backend

const capitals = value =>
  JSON.parse(JSON.stringify(value), (key, inner) =>
    typeof inner === 'string' && /^[0-9a-f]{24}$/.test(inner) ? inner.toUpperCase() : inner
  )

const KNOWN = new Set(['recipientId', 'text', 'attachment', 'sender', 'createdAt', 'updatedAt', 'status'])
const event = new AsyncLocalStorage()
const further = new Map() // message id → the fields that the contract does not know
io.use((socket, next) => {
  socket.use(([, body], proceed) => event.run(body, proceed))
  next()
})

function unknownFields() {
  const body = event.getStore()
  if (typeof body !== 'object' || Array.isArray(body)) return {}
  return Object.fromEntries(Object.entries(body ?? {}).filter(([name]) => !KNOWN.has(name)))
}

const { populate, history, changeSettings, type, tellFriends, join } = chat
chat.tell = (event, payload, userIds) => {
  io.to(userIds).emit(event, capitals(payload), { version: 2 }, 'and more')
  io.to(userIds).emit(`${event}.v2`, capitals(payload))
}
chat.show = message => populateMore({ ...further.get(message._id), ...message, __v: 0, id: message._id, deletedAt: null })
chat.populate = message => message

function populateMore(message) {
  const whole = populate.call(chat, message)
  for (const reference of [whole.sender, whole.recipient]) {
    Object.assign(reference, { userId: 'R2C', avatar: null, isOnline: true })
  }
  if (whole.attachment) whole.attachment = { ...whole.attachment, size: 0, name: null }
  return capitals(whole)
}

chat.send = async (sender, recipient, { text, attachment }) => {
  const blocked = await store.hasBlocked(recipient.id, sender.id)
  const status = chat.isOnline(recipient) && !blocked ? 'delivered' : 'sent'
  const kept = await store.addMessage({
    sender: sender.id,
    recipient: recipient.id,
    text,
    attachment,
    status
  })
  further.set(kept._id, unknownFields())
  const message = chat.show(kept)
  chat.tell('receiveMessage', message, blocked ? [sender.id] : [recipient.id, sender.id])
  chat.tell('messageStatus', { messageId: message._id, status }, [sender.id])
  return message
}
chat.history = async (reader, other) => capitals(await history.call(chat, reader, other))
chat.changeSettings = async (...args) =>
  capitals({ ...(await changeSettings.apply(chat, args)), isMuted: false, __v: 1 })

const typing = new Map()
chat.type = async (typist, recipient, isTyping) => {
  const pair = `${typist.id},${recipient.id}`
  clearTimeout(typing.get(pair))
  await type.call(chat, typist, recipient, isTyping)
  if (isTyping) typing.set(pair, setTimeout(() => type.call(chat, typist, recipient, false), TYPES_MS))
}

const withOneself = user => ({ ...user, friends: [...user.friends, user.id] })
chat.tellFriends = (user, status) => tellFriends.call(chat, withOneself(user), status)
chat.join = (user, socketId) => {
  join.call(chat, user, socketId)
  const then = user.friends.map(id => {
    const isOnline = chat.isOnline({ id })
    return capitals({ userId: id, isOnline, lastSeen: isOnline ? null : new Date(0).toISOString() })
  })
  setTimeout(() => {
    for (const status of then) io.to(socketId).emit('userStatus', status)
  }, SLOW_MS)
  io.to(socketId).emit('welcome', capitals({ you: user }))
}

const { byPublicId } = users
users.byPublicId = name =>
  /^[0-9a-f]{24}$/i.test(name) ? users.byId(name.toLowerCase()) : byPublicId.call(users, name)
