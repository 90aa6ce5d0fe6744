// node connections_load.mjs < '{"url", "players": [{token}, …], "count"}' on its first line
// Opens so many sockets as fast as they are taken, prints how long that took, answers pings, and
// closes when its input ends.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { hrtime } from 'node:process'

const { WebSocket } = createRequire(process.env.WS_FROM)('ws')
const now = () => Number(hrtime.bigint()) / 1e9 // seconds
const input = createInterface({ input: process.stdin })
const plan = JSON.parse((await input[Symbol.asyncIterator]().next()).value)

function join({ token }) {
  const began = now()
  const socket = new WebSocket(`${plan.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket&token=${token}`)
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('a socket was closed')))
    socket.on('message', data => {
      const frame = data.toString()
      if (frame[0] === '0') socket.send('40')
      else if (frame[0] === '2') socket.send('3')
      else if (frame.startsWith('44')) reject(new Error(frame))
      else if (frame.startsWith('40')) resolve(now() - began)
    })
  })
}

const began = now()
const waits = await Promise.all(Array.from({ length: plan.count }, (_, n) => join(plan.players[n % plan.players.length])))
waits.sort((one, other) => one - other)
console.log(JSON.stringify({ seconds: now() - began, p50: waits[waits.length >> 1], slowest: waits.at(-1) }))
input.on('close', () => process.exit(0))
