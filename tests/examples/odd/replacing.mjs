// Ends a user's older connections when a newer one comes (D15). Outside of a history it names senders
// by reference and recipients by id (D3).
import { backend } from '../../../examples/express/server.js'

const { io, chat } = backend

io.on('connection', socket => {
  for (const other of io.sockets.sockets.values()) {
    if (other !== socket && other.data.user === socket.data.user) other.disconnect(true)
  }
})

const { populate } = chat
chat.show = message => ({ ...populate.call(chat, message), recipient: message.recipient })
chat.populate = message => populate.call(chat, { ...message, sender: message.sender._id })
