// The events over Socket.IO. A client can send anything at any time: nothing here may throw.
import * as payloads from './payloads.js'
import { Problem } from './problem.js'

/** Lets in who has a token; others get a connect error. */
export function admit(users) {
  return (socket, next) => {
    try {
      socket.data.user = users.authenticate(socket.handshake.query.token)
      next()
    } catch (error) {
      next(new Error(error.message))
    }
  }
}

/** Serves one connection. Its handlers stand before the client can send anything. */
export function serve(socket, users, chat) {
  const { user } = socket.data

  listen(socket, 'sendMessage', async body => {
    const { recipientId, ...message } = payloads.message(body)
    return { data: await chat.send(user, users.byId(recipientId), message) }
  })
  listen(socket, 'typing', body => type(body, true))
  listen(socket, 'stopTyping', body => type(body, false))

  async function type(body, isTyping) {
    const { recipientId } = payloads.typing(body)
    await chat.type(user, users.byId(recipientId), isTyping)
  }

  socket.on('disconnect', () => chat.leave(user, socket.id))
  socket.join(user.id)
  chat.join(user, socket.id)
}

/** Handles an event; its acknowledgement, if the client asks for one, says what came of it. */
function listen(socket, event, handle) {
  socket.on(event, (...args) => {
    const acknowledge = typeof args.at(-1) === 'function' ? args.pop() : () => {}
    // One after the other, so that a user's messages keep their order with any store.
    socket.data.turn = Promise.resolve(socket.data.turn).then(async () => {
      try {
        acknowledge({ success: true, ...(await handle(args[0])) })
      } catch (error) {
        acknowledge(problemOf(error))
      }
    })
  })
}

function problemOf(error) {
  if (error instanceof Problem) return error
  console.error(error)
  return new Problem(500, 'Something went wrong on our side.')
}
