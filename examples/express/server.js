// JWT_SECRET=… [PORT=5000] [HOST=127.0.0.1] node server.js
import { readFileSync } from 'node:fs'
import { createBackend } from './backend.js'

const { JWT_SECRET: secret, PORT: port = '5000', HOST: host = '127.0.0.1' } = process.env
if (!secret) {
  console.error('Set JWT_SECRET to the secret that tokens are signed with.')
  process.exit(1)
}

const people = JSON.parse(readFileSync(new URL('users.json', import.meta.url), 'utf8'))
export const backend = createBackend({ people, secret })
const { http, io } = backend

http.listen(Number(port), host, () => {
  console.log(`Listening on http://${host}:${http.address().port}`)
})

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => io.close())
