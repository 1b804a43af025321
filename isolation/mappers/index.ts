import type { ResourceKind } from '../../domain/resources.ts'
import type { Mapper } from '../mapper.ts'
import type { ConnectionOptions } from './database/connections.ts'
import { createDatabaseMapper } from './database/mapper.ts'
import { createObjectStoreMapper } from './object-store/mapper.ts'
import { createSecretsMapper } from './secrets.ts'

/** One mapper for each kind of resource. Whoever makes them closes them. */
export function createMappers(options: { database?: ConnectionOptions } = {}) {
  return {
    secrets: createSecretsMapper(),
    database: createDatabaseMapper(options.database),
    'object-store': createObjectStoreMapper(),
  } satisfies Record<ResourceKind, Mapper>
}
export type Mappers = ReturnType<typeof createMappers>
