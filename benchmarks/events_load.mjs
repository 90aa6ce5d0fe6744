// node events_load.mjs < '{"url", "pairs": [[{token, id}, {token, id}], …], "seconds", "inFlight", "transport"}'
// Each pair's first user sends to the second, so many messages at a time; prints one line of JSON.
// Frames are written by hand, on `ws` or in requests that poll, so that the load costs little beside what it measures.
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { createRequire } from 'node:module'
import { hrtime } from 'node:process'

const { WebSocket } = createRequire(process.env.WS_FROM)('ws')
const plan = JSON.parse(readFileSync(0, 'utf8'))
const now = () => Number(hrtime.bigint()) / 1e6 // milliseconds

const agent = new Agent({ keepAlive: true })

function ask(method, url, body) {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, agent }, answer => {
      const parts = []
      answer.on('data', part => parts.push(part))
      answer.on('end', () => {
        const text = Buffer.concat(parts).toString()
        if (answer.statusCode === 200) resolve(text)
        else reject(new Error(`${answer.statusCode} ${text}`))
      })
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

async function poll({ token }) {
  const url = `${plan.url}/socket.io/?EIO=4&transport=polling&token=${token}`
  const session = `${url}&sid=${JSON.parse((await ask('GET', url)).slice(1)).sid}`
  await ask('POST', session, '40')
  const early = (await ask('GET', session)).split('\x1e')
  if (!early[0].startsWith('40')) throw new Error(early[0])
  const socket = { heard: () => {}, open: true }
  // As in Engine.IO's client, what is to be said while a request is on its way goes with the next one.
  let waiting = []
  let posting = false
  const flush = async () => {
    posting = true
    while (waiting.length) {
      const body = waiting.join('\x1e')
      waiting = []
      await ask('POST', session, body)
    }
    posting = false
  }
  const failed = error => {
    if (!socket.open) return
    console.error(error)
    process.exit(1)
  }
  socket.send = packet => {
    waiting.push(packet)
    if (!posting) flush().catch(failed)
  }
  socket.terminate = () => { socket.open = false }
  const listen = async () => {
    while (socket.open) {
      for (const packet of (await ask('GET', session)).split('\x1e')) {
        if (packet === '2') socket.send('3')
        else if (packet.startsWith('42["receiveMessage"')) socket.heard(packet)
      }
    }
  }
  listen().catch(failed)
  return socket
}

function join(user) {
  return plan.transport === 'polling' ? poll(user) : open(user)
}

function open({ token }) {
  const socket = new WebSocket(`${plan.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket&token=${token}`)
  socket.heard = () => {}
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('message', data => {
      const frame = data.toString()
      if (frame[0] === '0') socket.send('40')
      else if (frame[0] === '2') socket.send('3')
      else if (frame.startsWith('44')) reject(new Error(frame))
      else if (frame.startsWith('40')) resolve(socket)
      else if (frame.startsWith('42["receiveMessage"')) socket.heard(frame)
    })
  })
}

const tag = /"text":"(\d+)"/
const waits = []
const confirmed = { count: 0 }
let ending = false

async function play([one, other]) {
  const [sender, recipient] = [await join(one), await join(other)]
  let sent = 0
  const begun = new Map()
  const send = () => {
    begun.set(String(++sent), now())
    sender.send(`42["sendMessage",{"recipientId":"${other.id}","text":"${sent}"}]`)
  }
  sender.heard = () => confirmed.count++
  return {
    start: () => new Promise(resolve => {
      recipient.heard = frame => {
        const [, key] = tag.exec(frame)
        waits.push(now() - begun.get(key))
        begun.delete(key)
        if (!ending) send()
        else if (begun.size === 0) resolve()
      }
      for (let each = 0; each < plan.inFlight; each++) send()
    }),
    stop: () => { sender.terminate(); recipient.terminate() },
  }
}

const players = []
for (const pair of plan.pairs) players.push(await play(pair))
const began = now()
setTimeout(() => { ending = true }, plan.seconds * 1000)
await Promise.all(players.map(each => each.start()))
const took = (now() - began) / 1000
players.forEach(each => each.stop())
waits.sort((one, other) => one - other)
const at = share => waits[Math.min(waits.length - 1, Math.floor(share * waits.length))]
console.log(JSON.stringify({ rate: waits.length / took, p50: at(0.5), p99: at(0.99), delivered: waits.length, confirmed: confirmed.count }))
process.exit(0)
