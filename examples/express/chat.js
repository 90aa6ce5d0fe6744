// The rules of the chat, once, for requests and events alike.
import { Problem } from './problem.js'

export class Chat {
  #sockets = new Map() // user id → ids of the sockets that are connected

  /** `tell(event, payload, userIds)` brings an event to every socket of these users. */
  constructor(users, store, tell) {
    this.users = users
    this.store = store
    this.tell = tell
  }

  /** Keeps a message, delivers it, and returns it. */
  async send(sender, recipient, { text, attachment }) {
    if (await this.store.hasBlocked(recipient.id, sender.id)) {
      throw new Problem(403, 'You cannot write to this user.')
    }
    const kept = await this.store.addMessage({
      sender: sender.id,
      recipient: recipient.id,
      text,
      attachment,
      status: this.isOnline(recipient) ? 'delivered' : 'sent'
    })
    const message = this.show(kept)
    this.tell('receiveMessage', message, [recipient.id, sender.id])
    return message
  }

  /** All messages of two users, oldest first. What the reader received is read from now on. */
  async history(reader, other) {
    await this.store.markRead(reader.id, other.id)
    const messages = await this.store.messagesBetween(reader.id, other.id)
    return messages.map(message => this.populate(this.show(message)))
  }

  /** Changes what the owner has set for the other, and returns all of it. */
  async changeSettings(owner, other, changes) {
    return this.showSettings(await this.store.changeSettings(owner.id, other.id, changes))
  }

  /** Tells the recipient, and nobody else, whether the typist is writing. */
  async type(typist, recipient, isTyping) {
    if (await this.store.hasBlocked(recipient.id, typist.id)) return
    this.tell('typingStatus', { senderId: typist.id, isTyping }, [recipient.id])
  }

  isOnline(user) {
    return this.#sockets.has(user.id)
  }

  /** A socket of the user has come. Friends hear of the first one. */
  join(user, socketId) {
    const sockets = this.#sockets.get(user.id) ?? new Set()
    this.#sockets.set(user.id, sockets.add(socketId))
    if (sockets.size === 1) this.tellFriends(user, { isOnline: true, lastSeen: null })
  }

  /** A socket of the user is gone. Friends hear of the last one. */
  leave(user, socketId) {
    const sockets = this.#sockets.get(user.id)
    if (!sockets?.delete(socketId) || sockets.size > 0) return
    this.#sockets.delete(user.id)
    this.tellFriends(user, { isOnline: false, lastSeen: new Date().toISOString() })
  }

  tellFriends(user, status) {
    this.tell('userStatus', { userId: user.id, ...status }, user.friends)
  }

  /** A stored message as clients see it: sender and recipient by id. */
  show(message) {
    return message
  }

  /** The same with user references, as a history has them. */
  populate(message) {
    const reference = id => ({ _id: id, name: this.users.byId(id).name })
    const { sender, recipient } = message
    return { ...message, sender: reference(sender), recipient: reference(recipient) }
  }

  /** Stored settings as clients see them. */
  showSettings(settings) {
    return settings
  }
}
