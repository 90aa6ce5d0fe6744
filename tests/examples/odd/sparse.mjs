// Says and takes as little as it may: leaves out what is null (D4, D5, D9) and every `updatedAt`,
// knows no status but `sent`, has times without fractions in another zone (D7), trims texts and takes
// no white space for one (D5), refuses null, U+0000, long texts and messages to oneself (D4, D5),
// reads a history with nobody as empty (D11), and hides from the blocked that they are (404, D10).
// Friends hear of every socket that comes, and of the last that goes (D14).
import { backend } from '../../../examples/express/server.js'
import { Problem } from '../../../examples/express/problem.js'
import { caller, front, read, refuse } from './front.mjs'

const LONGEST = 500
const { http, io, users, chat, store } = backend

const isNull = body => body?.text === null || body?.attachment === null
const present = object => Object.fromEntries(Object.entries(object).filter(([, value]) => value))
const india = time => new Date(Date.parse(time) + 19_800_000).toISOString().slice(0, 19) + '+05:30'

chat.show = ({ updatedAt, ...message }) => ({
  ...present(message),
  createdAt: india(message.createdAt),
  status: 'sent'
})
chat.showSettings = ({ customRingtone, ...settings }) =>
  customRingtone === null ? settings : { ...settings, customRingtone }

const { send, tellFriends, join } = chat
chat.send = async (sender, recipient, { text, attachment }) => {
  const trimmed = text.trim()
  if (!trimmed && !attachment) throw new Problem(400, 'Write something.')
  if (trimmed.length > LONGEST) throw new Problem(400, `At most ${LONGEST} characters.`)
  if (trimmed.includes('\0')) throw new Problem(400, 'No U+0000, please.')
  if (sender === recipient) throw new Problem(400, 'Talking to yourself?')
  if (await store.hasBlocked(recipient.id, sender.id)) throw new Problem(404, 'No such user.')
  return send.call(chat, sender, recipient, { text: trimmed, attachment })
}
chat.tellFriends = (user, { isOnline, lastSeen }) =>
  tellFriends.call(chat, user, isOnline ? { isOnline } : { isOnline, lastSeen: india(lastSeen) })

chat.join = (user, socketId) => {
  const isNews = !chat.isOnline(user)
  join.call(chat, user, socketId)
  if (!isNews) chat.tellFriends(user, { isOnline: true })
}

io.use((socket, next) => {
  // Silence is right (D13).
  socket.use(([, payload], proceed) => isNull(payload) || proceed())
  next()
})

front(http, (request, response, pass) => {
  const user = caller(request, users)
  const path = request.url.split('/')
  if (!user) return pass()
  if (request.method === 'GET' && /^\/api\/messages\/[0-9a-f]{24}$/i.test(request.url)) {
    try {
      users.byId(path.at(-1).toLowerCase())
    } catch {
      response.writeHead(200, { 'Content-Type': 'application/json' })
      return response.end('{"success":true,"data":[]}')
    }
  }
  if (request.url !== '/api/messages/send' || request.method !== 'POST') return pass()
  if (!request.headers['content-type']?.startsWith('application/json')) return pass()
  read(request, response, body => {
    if (body === undefined) return refuse(response, 400, 'No JSON.')
    if (isNull(body)) return refuse(response, 400, 'No null, please.')
    pass()
  })
})
