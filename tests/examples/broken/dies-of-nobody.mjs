// The backend of examples/express with one fault: whoever names a user who does not exist ends the
// process, as a look-up does whose result is taken apart without a look, where nothing catches that.
import { backend } from '../../../examples/express/server.js'

const { users } = backend
const byId = users.byId.bind(users)
users.byId = id => {
  try {
    return byId(id)
  } catch (error) {
    setImmediate(() => { throw new TypeError("Cannot read properties of null (reading 'name')") })
    throw error
  }
}
