// The backend of ../express with one fault: it looks for a conversation and makes one where there is
// none, in two steps. Two first messages at the same moment both find none, and each makes its own.
import { randomBytes } from 'node:crypto'
import { setTimeout as roundTrip } from 'node:timers/promises'
import { backend } from '../express/server.js'

const conversations = new Map()

backend.store.conversationId = async (one, other) => {
  const pair = [one, other].sort().join()
  await roundTrip(1)
  const found = conversations.get(pair)
  if (found) return found
  const made = randomBytes(12).toString('hex')
  await roundTrip(1)
  conversations.set(pair, made)
  return made
}
