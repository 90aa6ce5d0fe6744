// The four operations over HTTP. Every error has the body {success: false, message}.
import { isUtf8 } from 'node:buffer'
import express from 'express'
import * as payloads from './payloads.js'
import { Problem } from './problem.js'

const LARGEST_BODY = '1mb'

export function application(users, chat) {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.use('/api', operations(users, chat))
  app.use(() => {
    throw new Problem(404, 'There is nothing here.')
  })
  app.use(answerProblem)
  return app
}

function operations(users, chat) {
  const router = express.Router()
  const signIn = authenticate(users)

  const other = request => users.byId(payloads.objectId(request.params.otherUserId, 'otherUserId'))

  route(router, '/messages/send', 'post', signIn, json, async (request, response) => {
    const { recipientId, ...message } = payloads.message(request.body)
    created(response, await chat.send(request.user, users.byId(recipientId), message))
  })

  route(router, '/chat/send', 'post', signIn, json, async (request, response) => {
    const { to, ...message } = payloads.chatMessage(request.body)
    created(response, await chat.send(request.user, users.byPublicId(to), message))
  })

  route(router, '/messages/:otherUserId', 'get', signIn, async (request, response) => {
    ok(response, await chat.history(request.user, other(request)))
  })

  const metadata = '/conversations/:otherUserId/metadata'
  route(router, metadata, 'put', signIn, json, async (request, response) => {
    const changes = payloads.settings(request.body)
    ok(response, await chat.changeSettings(request.user, other(request), changes))
  })

  return router
}

/** One method of a path; every other one is answered 405. */
function route(router, path, method, ...handlers) {
  router
    .route(path)
    [method](...handlers)
    .all((request, response) => {
      response.set('Allow', method.toUpperCase())
      throw new Problem(405, `${request.method} is not possible here.`)
    })
}

const ok = (response, data) => response.json({ success: true, data })
const created = (response, data) => response.status(201).json({ success: true, data })

/** Runs before a body is looked at, so that strangers are answered 401 whatever they send. */
function authenticate(users) {
  return (request, response, next) => {
    const [scheme, token, ...rest] = (request.get('Authorization') ?? '').split(' ')
    const isBearer = scheme.toLowerCase() === 'bearer' && rest.length === 0
    request.user = users.authenticate(isBearer ? token : undefined)
    next()
  }
}

const parseJson = express.json({
  limit: LARGEST_BODY,
  strict: false,
  // The parser would put U+FFFD in the place of broken bytes, and the text would be another.
  verify(request, response, body, charset) {
    if (charset === 'utf-8' && !isUtf8(body)) throw new Problem(400, 'The body is not valid UTF-8.')
  }
})

function json(request, response, next) {
  // null would say that there is no body, which is for the operation to judge.
  if (request.is('application/json') === false) {
    throw new Problem(415, 'The body must be application/json.')
  }
  parseJson(request, response, next)
}

// Express knows an error handler by its four parameters.
function answerProblem(error, request, response, next) {
  const problem = asProblem(error)
  if (problem.status === 500) console.error(error)
  if (response.headersSent) return next(error)
  if (problem.status === 401) response.set('WWW-Authenticate', 'Bearer')
  response.status(problem.status).json(problem)
}

const OF_EXPRESS = {
  400: 'The request cannot be read.',
  413: `The body is larger than ${LARGEST_BODY}.`,
  415: 'The body must be application/json in UTF-8.'
}

/** Errors of Express have a status too; their words are for its users, not for ours. */
function asProblem(error) {
  if (error instanceof Problem) return error
  const status = error.status in OF_EXPRESS ? error.status : 500
  return new Problem(status, OF_EXPRESS[status] ?? 'Something went wrong on our side.')
}
