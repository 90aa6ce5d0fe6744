// Messages and settings, in memory. Put a database in its place by writing the same methods for it;
// they are asynchronous for that reason.
import { randomBytes } from 'node:crypto'

const newId = () => randomBytes(12).toString('hex')
const pairOf = (one, other) => [one, other].sort().join()

export class Store {
  #conversations = new Map() // pair → id
  #messages = new Map() // pair → messages, oldest first
  #settings = new Map() // owner,other → entry

  /** Keeps a message and returns it with its id, its conversation's id and its times. */
  async addMessage({ sender, recipient, text, attachment, status }) {
    const conversationId = await this.conversationId(sender, recipient)
    const now = new Date().toISOString()
    const message = {
      _id: newId(),
      conversationId,
      sender,
      recipient,
      text,
      attachment,
      status,
      createdAt: now,
      updatedAt: now
    }
    this.#of(sender, recipient).push(message)
    return { ...message }
  }

  /**
   * The id of the conversation of two users, made where there is none. Two first messages may come
   * at the same moment, so nothing may happen between looking and making. In a database that is
   * one upsert on a unique index over the pair.
   */
  async conversationId(one, other) {
    const pair = pairOf(one, other)
    if (!this.#conversations.has(pair)) this.#conversations.set(pair, newId())
    return this.#conversations.get(pair)
  }

  /** All messages of two users, oldest first. */
  async messagesBetween(one, other) {
    return this.#of(one, other).map(message => ({ ...message }))
  }

  /** Marks what the reader has received from the other as read. */
  async markRead(reader, other) {
    const now = new Date().toISOString()
    for (const message of this.#of(reader, other)) {
      if (message.recipient !== reader || message.status === 'read') continue
      Object.assign(message, { status: 'read', updatedAt: now })
    }
  }

  #of(one, other) {
    const pair = pairOf(one, other)
    if (!this.#messages.has(pair)) this.#messages.set(pair, [])
    return this.#messages.get(pair)
  }

  /** What a user has set for the conversation with another, after these changes. */
  async changeSettings(owner, other, changes) {
    const key = `${owner},${other}`
    if (!this.#settings.has(key)) {
      this.#settings.set(key, {
        _id: newId(),
        userId: owner,
        otherUserId: other,
        isPinned: false,
        isBlocked: false,
        customRingtone: null,
        isFavorite: false
      })
    }
    return { ...Object.assign(this.#settings.get(key), changes) }
  }

  /** Whether a user has blocked another. */
  async hasBlocked(owner, other) {
    return this.#settings.get(`${owner},${other}`)?.isBlocked ?? false
  }
}
