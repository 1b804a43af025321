import { Kysely, PostgresDialect, PostgresDriver, type PostgresDialectConfig } from 'kysely'
import type { TenantClient } from './one-try.ts'

/** Runs in a transaction that others begin and end. */
class JoinedDriver extends PostgresDriver {
  override async beginTransaction(): Promise<void> {
    throw new Error('this is in a transaction of the tenant database already, which begins and commits by itself')
  }
}

class JoinedDialect extends PostgresDialect {
  readonly #config: PostgresDialectConfig

  constructor(config: PostgresDialectConfig) {
    super(config)
    this.#config = config
  }

  override createDriver(): JoinedDriver {
    return new JoinedDriver(this.#config)
  }
}

/**
 * Kysely on the connection of a transaction: what it sends belongs to that transaction. It needs no `destroy`, and begins
 * no transaction of its own: `db.transaction()` throws.
 */
export function kyselyOf<DB>(client: TenantClient): Kysely<DB> {
  const connection = { query: client.query.bind(client), release: () => {} }
  const pool = { connect: async () => connection, end: async () => {}, options: {} }
  return new Kysely<DB>({ dialect: new JoinedDialect({ pool }) })
}
