import { MikroORM, type EntityManager } from '@mikro-orm/postgresql'
import { Migrator, TSMigrationGenerator } from '@mikro-orm/migrations'
import { ApiKey, IdempotencyRecord } from './entities/access.ts'
import { Delivery, Event, EventStream } from './entities/event.ts'
import { Operation } from './entities/operation.ts'
import { Bus, Cell, Placement } from './entities/placement.ts'
import { Resource } from './entities/resource.ts'
import { Secret, TenantKey } from './entities/secret.ts'
import { Condition, Generation, Tenant } from './entities/tenant.ts'

export type { EntityManager }
export type Orm = MikroORM

/** Role the services drop to after they connect: it may do what they need and cannot change an event. */
export const runtimeRole = 'freehold_runtime'

/**
 * What keeps one that hangs from holding up all the others: who waits for a row gives up and comes again, a transaction
 * nobody goes on with ends, and a client whose machine is gone is noticed within a minute instead of hours.
 */
const guards = [
  'lock_timeout=10s',
  'idle_in_transaction_session_timeout=15min',
  'tcp_keepalives_idle=30',
  'tcp_keepalives_interval=10',
  'tcp_keepalives_count=3',
]

/**
 * Opens the registry.
 * @param url the registry database
 * @param options `role` to drop to after connecting, and how many connections the pool may hold
 */
export async function openRegistry(url: string, options: { role?: string; connections: number }): Promise<Orm> {
  return MikroORM.init({
    clientUrl: url,
    entities: [
      Tenant,
      Generation,
      Condition,
      Cell,
      Bus,
      Placement,
      Operation,
      Resource,
      EventStream,
      Event,
      Delivery,
      ApiKey,
      IdempotencyRecord,
      TenantKey,
      Secret,
    ],
    extensions: [Migrator],
    forceUtcTimezone: true,
    pool: { min: 0, max: options.connections },
    driverOptions: {
      connectionTimeoutMillis: 10_000,
      application_name: 'freehold',
      options: [...guards, ...(options.role === undefined ? [] : [`role=${options.role}`])]
        .map((one) => `-c ${one}`)
        .join(' '),
    },
    migrations: {
      path: new URL('./migrations', import.meta.url).pathname,
      glob: '!(*.d).ts',
      emit: 'ts',
      generator: TSMigrationGenerator,
      snapshot: false,
      silent: true,
      fileName: (timestamp: string, name?: string) => `${timestamp}-${name ?? 'change'}`,
    },
  })
}
