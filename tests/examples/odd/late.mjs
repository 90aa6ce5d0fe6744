// Looks its users up in a database before it handles their events, one after the other, so that the
// more come at once the more is lost after `connect` (D18). Acknowledges nothing (D13), never upgrades
// (D16), pings often, and its database and what brings its events to the sockets are far away: ten
// events a second to each of them, and presence later than anything else.
import { setTimeout as wait } from 'node:timers/promises'
import { serve } from '../../../examples/express/events.js'
import { backend } from '../../../examples/express/server.js'

const LATE_MS = 20
const BETWEEN_MS = 100
const PRESENCE_MS = 1500
const { io, users, chat, store } = backend

io.engine.opts.allowUpgrades = false
io.engine.opts.pingInterval = 400
io.removeAllListeners('connection')
let lookups = Promise.resolve()
io.on('connection', async socket => {
  socket.use((packet, next) => {
    if (typeof packet.at(-1) === 'function') packet.pop()
    next()
  })
  await (lookups = lookups.then(() => wait(LATE_MS)))
  if (socket.connected) serve(socket, users, chat)
})

for (const method of ['addMessage', 'messagesBetween', 'markRead', 'changeSettings', 'hasBlocked']) {
  const near = store[method].bind(store)
  store[method] = async (...args) => {
    await wait(Math.random() * 2)
    const result = await near(...args)
    await wait(Math.random() * 2)
    return result
  }
}

const free = new Map() // when a socket may get its next event
let line = Promise.resolve()
chat.tell = (event, payload, userIds) => {
  line = line.then(() => wait(Math.random() * 2)).then(() => {
    const ids = new Set(userIds.flatMap(id => [...(io.sockets.adapter.rooms.get(id) ?? [])]))
    for (const id of ids) {
      const at = Math.max(Date.now(), free.get(id) ?? 0)
      free.set(id, at + BETWEEN_MS)
      setTimeout(() => io.to(id).emit(event, payload), at - Date.now())
    }
  })
}

const { tellFriends } = chat
chat.tellFriends = (...status) => {
  setTimeout(() => tellFriends.apply(chat, status), PRESENCE_MS)
}
