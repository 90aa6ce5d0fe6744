// Stands behind a gateway: a wrong token is answered 401 at the handshake, in HTML (D16), and who asks
// too often is answered 429 with Retry-After (D12).
import { backend } from '../../../examples/express/server.js'
import { front, refuse } from './front.mjs'

const MOST = 100
const PAUSE_MS = 1000
const { http, users } = backend

function isLetIn(request) {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost')
  if (!pathname.startsWith('/socket.io/') || searchParams.has('sid')) return true
  try {
    users.authenticate(searchParams.get('token') ?? undefined)
    return true
  } catch {
    return false
  }
}

let requests = 0
let since = 0

/** After so many requests everyone has to wait for a second. */
function isTooMuch({ url }) {
  if (!url.startsWith('/api/')) return false
  requests += 1
  if (requests <= MOST) return false
  if (requests === MOST + 1) since = Date.now()
  if (Date.now() - since < PAUSE_MS) return true
  requests = 1
  return false
}

front(http, (request, response, pass) => {
  if (isTooMuch(request)) return refuse(response, 429, 'Slowly, please.', { 'Retry-After': '1' })
  if (isLetIn(request)) return pass()
  response.writeHead(401, { 'Content-Type': 'text/html' })
  response.end('<h1>401 Unauthorized</h1>')
})

const behind = http.listeners('upgrade')
http.removeAllListeners('upgrade')
http.on('upgrade', (request, socket, head) => {
  if (isLetIn(request)) return behind.forEach(one => one.call(http, request, socket, head))
  socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
})
