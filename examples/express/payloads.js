// Reads what clients send. Each function takes anything and gives clean values or throws a Problem.
import { Problem } from './problem.js'

const OBJECT_ID = /^[0-9a-f]{24}$/i
const ATTACHMENT_TYPES = ['image', 'video', 'file']
const FLAGS = ['isPinned', 'isBlocked', 'isFavorite']

const isObject = value =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value)

function require(holds, message) {
  if (!holds) throw new Problem(400, message)
}

/** An ObjectId in lower case. `name` is what the client calls it. */
export function objectId(value, name) {
  const isId = typeof value === 'string' && OBJECT_ID.test(value)
  require(isId, `${name} must be an ObjectId of 24 hexadecimal digits.`)
  return value.toLowerCase()
}

/** POST /api/messages/send and the event sendMessage. */
export function message(body) {
  require(isObject(body), 'The message must be an object.')
  const recipientId = objectId(body.recipientId, 'recipientId')
  const text = words(body.text ?? '', 'text')
  const attachment = file(body.attachment ?? null)
  require(text !== '' || attachment !== null, 'A message needs a text or an attachment.')
  return { recipientId, text, attachment }
}

/** POST /api/chat/send. */
export function chatMessage(body) {
  require(isObject(body), 'The message must be an object.')
  const to = words(body.to, 'to')
  const text = words(body.message, 'message')
  require(to !== '', 'to must not be empty.')
  require(text !== '', 'message must not be empty.')
  return { to, text, attachment: null }
}

/** The events typing and stopTyping. */
export function typing(body) {
  require(isObject(body), 'The event needs an object with recipientId.')
  return { recipientId: objectId(body.recipientId, 'recipientId') }
}

/** PUT /api/conversations/{otherUserId}/metadata: the settings that the body names, no others. */
export function settings(body) {
  require(isObject(body), 'The settings must be an object.')
  const changes = {}
  for (const flag of FLAGS) {
    if (body[flag] === undefined) continue
    require(typeof body[flag] === 'boolean', `${flag} must be true or false.`)
    changes[flag] = body[flag]
  }
  if (body.customRingtone !== undefined) {
    const tone = body.customRingtone
    changes.customRingtone = tone === null ? null : words(tone, 'customRingtone')
  }
  return changes
}

function words(value, name) {
  require(typeof value === 'string', `${name} must be a text.`)
  // Half a surrogate pair is no character; databases refuse it or change it.
  require(value.isWellFormed(), `${name} is not valid Unicode.`)
  return value
}

function file(value) {
  if (value === null) return null
  require(isObject(value), 'attachment must be an object.')
  const { type, url } = value
  require(ATTACHMENT_TYPES.includes(type), 'attachment.type must be image, video or file.')
  require(words(url, 'attachment.url') !== '', 'attachment.url must not be empty.')
  return { type, url }
}
