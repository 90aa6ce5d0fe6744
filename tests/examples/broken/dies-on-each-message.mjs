// The backend of examples/express with one fault: each message over sockets ends the process.
import { backend } from '../../../examples/express/server.js'

backend.io.on('connection', socket => {
  socket.prependListener('sendMessage', () => { throw new Error('no such column') })
})
