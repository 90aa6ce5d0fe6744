// Who there is, and whom a token belongs to.
import jwt from 'jsonwebtoken'
import { Problem } from './problem.js'

const ALGORITHM = 'HS256'

export class Users {
  #byId
  #byPublicId
  #secret

  /** `people` has what users.json has; friends are public ids, and friendship holds both ways. */
  constructor(people, secret) {
    this.#secret = secret
    const users = people.map(({ _id, userId, name }) => {
      return { id: _id.toLowerCase(), userId, name, friends: [] }
    })
    this.#byId = new Map(users.map(user => [user.id, user]))
    this.#byPublicId = new Map(users.map(user => [user.userId, user]))
    for (const { userId, friends } of people) {
      for (const friend of friends) {
        const one = this.#byPublicId.get(userId)
        const other = this.#byPublicId.get(friend)
        one.friends.push(other.id)
        other.friends.push(one.id)
      }
    }
  }

  /** The user with this ObjectId, in lower case. Throws a Problem. */
  byId(id) {
    return this.#byId.get(id) ?? nobody()
  }

  /** The user with this public id, such as R2C20251109001. Throws a Problem. */
  byPublicId(userId) {
    return this.#byPublicId.get(userId) ?? nobody()
  }

  /** The user to whom a JSON Web Token belongs. Throws a Problem. */
  authenticate(token) {
    let claims
    try {
      // Naming the algorithm is what keeps unsigned tokens out.
      claims = jwt.verify(token, this.#secret, { algorithms: [ALGORITHM] })
    } catch {
      throw new Problem(401, 'The token is missing or not valid.')
    }
    const user = this.#byId.get(String(claims.id).toLowerCase())
    if (!user) throw new Problem(401, 'The token belongs to nobody.')
    return user
  }

  /** A token with which this user can sign in for a day. */
  tokenFor(user) {
    return jwt.sign({ id: user.id }, this.#secret, { algorithm: ALGORITHM, expiresIn: '1d' })
  }
}

function nobody() {
  throw new Problem(404, 'There is no such user.')
}
