// Has no patience: closes the connection of whoever sends garbage (MSG-07), lets everyone connect and
// disconnects a wrong token before any event (D16), takes no body over 100 kB (D12), and says in HTML
// that a path does not exist.
import { backend } from '../../../examples/express/server.js'
import * as payloads from '../../../examples/express/payloads.js'
import { front, refuse } from './front.mjs'

const LARGEST = 100_000
const OPERATIONS = /^\/(socket\.io\/|api\/(messages|chat|conversations)\/)/
const READS = { sendMessage: payloads.message, typing: payloads.typing, stopTyping: payloads.typing }
const { http, io, users } = backend

// Nothing else has asked for the handshake yet; the backend's own guard is taken away.
io.sockets._fns.splice(0)
const [serve] = io.listeners('connection')
io.removeAllListeners('connection')
io.on('connection', socket => {
  try {
    socket.data.user = users.authenticate(socket.handshake.query.token)
  } catch {
    return socket.disconnect(true)
  }
  socket.use(([event, payload], next) => {
    try {
      READS[event]?.(payload)
      next()
    } catch {
      socket.disconnect(true)
    }
  })
  serve(socket)
})

front(http, (request, response, pass) => {
  if (!OPERATIONS.test(request.url)) {
    response.writeHead(404, { 'Content-Type': 'text/html' })
    return response.end('<!doctype html><title>404</title><h1>Not Found</h1>')
  }
  if (Number(request.headers['content-length'] ?? 0) > LARGEST) {
    return refuse(response, 413, 'At most 100 kB.', { Connection: 'close' })
  }
  pass()
})
