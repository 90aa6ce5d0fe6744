// Stands in front of what a backend answers over HTTP, and changes what it says.
import { createRequire } from 'node:module'

const { json } = createRequire(new URL('../../../examples/express/server.js', import.meta.url))('express')

/** Every request goes to `handle(request, response, pass)`; `pass()` gives it to the backend. */
export function front(http, handle) {
  const behind = http.listeners('request')
  http.removeAllListeners('request')
  http.on('request', (request, response) => {
    handle(request, response, () => behind.forEach(one => one.call(http, request, response)))
  })
}

/** Answers with the error body. */
export function refuse(response, status, message, headers = {}) {
  response.writeHead(status, { 'Content-Type': 'application/json;charset=UTF-8', ...headers })
  response.end(JSON.stringify({ success: false, message }))
}

/** Reads the JSON of a request for `then(body)`; undefined where there is none. */
export function read(request, response, then) {
  json({ limit: '4mb', strict: false })(request, response, error => then(error ? undefined : request.body))
}

/** The user of a request; null where its token is not valid. */
export function caller(request, users) {
  try {
    return users.authenticate(request.headers.authorization?.replace(/^Bearer /i, ''))
  } catch {
    return null
  }
}
