import { LRUCache } from 'lru-cache'
import { createClient } from '../client.ts'
import { createTenantContexts } from '../contexts.ts'
import type { ClientOptions } from '../settings.ts'
import { CappedPool } from './capped-pool.ts'
import { watchContext } from './context-watch.ts'
import { createLogins } from './login-of.ts'
import { createTransactions, type TenantDatabase } from './transactions.ts'

export type { TenantClient } from './one-try.ts'
export { TenantDatabaseError } from './tenant-database-error.ts'
export type { TenantDatabase, TransactionOptions } from './transactions.ts'

export type TenantDatabasesOptions = {
  /** Where the API is, with a key that may read contexts and credentials. */
  readonly api: ClientOptions
  /** Connections to all databases together; default 20. */
  readonly maxConnections?: number
  /** Connections of one environment of a tenant; default 4. The plan of the tenant has a limit of its own, over all services. */
  readonly connectionsPerTenant?: number
  /** How long a connection may be idle before it is closed; default 10 s. */
  readonly idleMs?: number
  /** How long a transaction looks for an open side; default 30 s. */
  readonly timeoutMs?: number
  /** How old a context may be before it is read again behind a transaction's back; default 1 s. */
  readonly freshMs?: number
}

export type TenantDatabases = {
  /** The database of one environment of a tenant, by the tenant's id or slug. Nothing is opened before its first transaction. */
  of(tenant: string, environment?: string): TenantDatabase
  /** Lets running transactions end, begins no other, and closes every connection. */
  close(): Promise<void>
}

const callMs = 5_000
/** Tenants of which it is remembered where they live. */
const mostKnown = 10_000

/** The databases of many tenants, over few connections. Throws ArgumentError for an unusable address of the API. */
export function createTenantDatabases({
  api,
  maxConnections = 20,
  connectionsPerTenant = 4,
  idleMs = 10_000,
  timeoutMs = 30_000,
  freshMs = 1_000,
}: TenantDatabasesOptions): TenantDatabases {
  const client = createClient({ timeoutMs: callMs, ...api })
  const contexts = createTenantContexts({ ...api, freshMs })
  const pool = new CappedPool({ maxConnections, connectionsPerTenant, idleMs })
  const known = new LRUCache<string, TenantDatabase>({ max: mostKnown })

  return {
    of(tenant, environment = 'prod') {
      const name = JSON.stringify([tenant, environment])
      const before = known.get(name)
      if (before !== undefined) return before
      const made = createTransactions({
        watch: watchContext(contexts, { tenant, environment, freshMs }),
        logins: createLogins(() => client.readCredentials(tenant, { environment })),
        pool,
        timeoutMs,
      })
      known.set(name, made)
      return made
    },
    close: () => pool.close(),
  }
}

/** The database of one environment of one tenant, by default prod. As `createTenantDatabases`, for services of a single tenant. */
export function createTenantDatabase({
  tenant,
  environment,
  ...options
}: TenantDatabasesOptions & { readonly tenant: string; readonly environment?: string }): TenantDatabase &
  Pick<TenantDatabases, 'close'> {
  const databases = createTenantDatabases(options)
  return { ...databases.of(tenant, environment), close: () => databases.close() }
}
