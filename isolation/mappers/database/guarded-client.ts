import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import pg from 'pg'
import { FreeholdError } from '../../../domain/errors.ts'

/** More than any answer that Freehold asks for; what COPY sends is streamed and not counted. */
const longestAnswer = 64 * 1024 * 1024

/** What `pg` has but does not type. */
type Connection = { stream: Socket; attachListeners(stream: Socket): void }

/**
 * A client for a server that may be a tenant's own, which is not believed: an answer that does not end is cut off with
 * `answer_too_large` before it fills the memory, and a password is not told in clear text without TLS. `pg` has neither limit; where it keeps the answer is
 * https://github.com/brianc/node-postgres/blob/master/packages/pg/lib/connection.js.
 */
export class GuardedClient extends pg.Client {
  constructor(config: pg.ClientConfig & { longestAnswer?: number } = {}) {
    super(config)
    const { connection } = this as unknown as { connection: Connection & NodeJS.EventEmitter }
    const limit = config.longestAnswer ?? longestAnswer
    let received = 0
    connection.on('readyForQuery', () => (received = 0))
    const attach = connection.attachListeners.bind(connection)
    connection.attachListeners = (stream) => {
      attach(stream)
      const [parse] = stream.listeners('data')
      if (parse === undefined) throw new Error('pg reads its connection in another way')
      // One listener in place of the other: pg-copy-streams takes the only one away for as long as it copies.
      stream.removeAllListeners('data').on('data', (piece: Buffer) => {
        received += piece.length
        if (received <= limit) parse.call(stream, piece)
        else stream.destroy(tooLarge(limit))
      })
    }
    // Heard before `pg` does, which then writes the password to a connection that is no more.
    connection.on('authenticationCleartextPassword', () => {
      if (!(connection.stream instanceof TLSSocket)) connection.stream.destroy(clearText())
    })
  }
}

const tooLarge = (limit: number) =>
  new FreeholdError(
    'answer_too_large',
    `a database answered one statement with more than ${Math.floor(limit / 1024)} KiB, and was cut off; have the statement give less`,
  )

/** As if the server had refused the login: whoever translates errors knows whose server it is. */
function clearText(): pg.DatabaseError {
  const message = 'it asks for the password in clear text without TLS; turn on TLS or scram-sha-256 there'
  return Object.assign(new pg.DatabaseError(message, 0, 'error'), { code: '28000' })
}
