/** What a client did wrong: a status of the contract and a sentence for a person. */
export class Problem extends Error {
  constructor(status, message) {
    super(message)
    this.status = status
  }

  /** As an answer and as an acknowledgement it is the error body of the contract. */
  toJSON() {
    return { success: false, message: this.message }
  }
}
