// Looks its users up in a database before it handles their events, so the first some milliseconds
// after `connect` are lost (D18). Acknowledges nothing (D13), never upgrades (D16), pings often,
// and its database and what brings its events to the sockets are far away.
import { setTimeout as wait } from 'node:timers/promises'
import { serve } from '../../../examples/express/events.js'
import { backend } from '../../../examples/express/server.js'

const LATE_MS = 20
const { io, users, chat, store } = backend

io.engine.opts.allowUpgrades = false
io.engine.opts.pingInterval = 400
io.removeAllListeners('connection')
io.on('connection', async socket => {
  socket.use((packet, next) => {
    if (typeof packet.at(-1) === 'function') packet.pop()
    next()
  })
  await wait(LATE_MS)
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

const { tell } = chat
let line = Promise.resolve()
chat.tell = (...event) => {
  line = line.then(() => wait(Math.random() * 2)).then(() => tell(...event))
}
