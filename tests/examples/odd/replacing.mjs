// Ends a user's older connections when a newer one comes (D15).
import { backend } from '../../../examples/express/server.js'

const { io } = backend

io.on('connection', socket => {
  for (const other of io.sockets.sockets.values()) {
    if (other !== socket && other.data.user === socket.data.user) other.disconnect(true)
  }
})
