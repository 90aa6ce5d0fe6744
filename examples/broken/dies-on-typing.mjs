// The backend of ../express with one fault: it dies on `typing` without a payload. A line was added
// that logs who is written to, and it takes apart in its parameters what may not be there. Nothing
// catches that error.
import { backend } from '../express/server.js'

backend.io.on('connection', socket => {
  socket.prependListener('typing', ({ recipientId }) => console.log('typing to', recipientId))
})
