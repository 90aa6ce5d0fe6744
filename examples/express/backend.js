// Puts the parts together: users, store, rules, requests and events on one HTTP server.
import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { Chat } from './chat.js'
import { admit, serve } from './events.js'
import { application } from './rest.js'
import { Store } from './store.js'
import { Users } from './users.js'

export function createBackend({ people, secret }) {
  const io = new Server({ cors: { origin: '*' } })
  const users = new Users(people, secret)
  const store = new Store()
  // Every socket of a user is in a room that has the user's id for a name. A socket that is in
  // several of the rooms gets the event once.
  const tell = (event, payload, userIds) => io.to(userIds).emit(event, payload)
  const chat = new Chat(users, store, tell)

  const http = createServer(application(users, chat))
  io.attach(http)
  io.use(admit(users))
  io.on('connection', socket => serve(socket, users, chat))
  return { http, io, users, store, chat }
}
