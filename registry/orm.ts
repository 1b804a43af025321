import { MikroORM, type EntityManager, type Options } from '@mikro-orm/postgresql'
import type pg from 'pg'
import { openConnections, probeLimits, type ConnectionOptions } from './connections.ts'
import { RegistryDialect } from './dialect.ts'
import { ApiKey, IdempotencyRecord } from './entities/api-key.ts'
import { Checkpoint, CheckpointHead, SigningKey } from './entities/checkpoint.ts'
import { Delivery, Event, EventStream } from './entities/event.ts'
import { Operation } from './entities/operation.ts'
import { Bus, Cell, Placement } from './entities/placement.ts'
import { Policy } from './entities/policy.ts'
import { Relocation } from './entities/relocation.ts'
import { Report } from './entities/report.ts'
import { Resource } from './entities/resource.ts'
import { PlatformSecret, Secret, TenantKey } from './entities/secret.ts'
import { Condition, Generation, Tenant } from './entities/tenant.ts'

export type { EntityManager }

/** The registry: entities over the ORM, and the hot path in SQL over the same connections (`registry/pool.ts`). */
export type Orm = MikroORM & {
  readonly pool: pg.Pool
  /** Ends when the registry has answered, over a connection of its own: a pool that is all in use is no registry that is gone. */
  readonly probe: () => Promise<unknown>
}

/** Role the services drop to after they connect: it may do what they need and cannot change an event. */
export const servicesRole = 'freehold_runtime'

const entities = [
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
  PlatformSecret,
  Policy,
  Relocation,
  Report,
  SigningKey,
  Checkpoint,
  CheckpointHead,
]

/**
 * Opens the registry. `close` of what it gives ends the connections too, and never hangs.
 * @param url the registry database
 * @param options `role` to drop to after connecting, how many `connections` the pool may hold, and other `limits` of time
 * @param more settings of MikroORM that only some need, such as the migrator
 */
export async function openRegistry(
  url: string,
  options: ConnectionOptions,
  more: Pick<Options, 'extensions' | 'migrations'> = {},
): Promise<Orm> {
  const { pool, close } = openConnections(url, options)
  const asking = openConnections(url, { ...options, connections: 1, limits: probeLimits })
  const orm = await MikroORM.init({
    clientUrl: url,
    entities,
    forceUtcTimezone: true,
    // Functions are written in migrations alone; entities do not describe them.
    schemaGenerator: { ignoreRoutines: true },
    driverOptions: new RegistryDialect(pool),
    ...more,
  })
  const closeOrm = orm.close.bind(orm)
  return Object.assign(orm, {
    pool,
    probe: () => asking.pool.query('select 1'),
    close: async (force?: boolean) => {
      await Promise.all([closeOrm(force), close(), asking.close()])
    },
  })
}
