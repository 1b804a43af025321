import type { ResourceKind } from '../../domain/resources.ts'
import type { ManageBus } from '../../base/bus-administration.ts'
import type { ColdStorage } from '../archives/cold-storage.ts'
import type { Mapper } from '../mapper.ts'
import { createArchiveMapper } from './archive.ts'
import type { ConnectionOptions } from './database/connections.ts'
import { createDatabaseMapper } from './database/mapper.ts'
import { createNetworkMapper } from './network.ts'
import { createObjectStoreMapper } from './object-store/mapper.ts'
import { createRuntimeMapper, type RuntimeOptions } from './runtime.ts'
import { createSecretsMapper } from './secrets.ts'
import { createTopicMapper } from './topic/mapper.ts'

/** One mapper for each kind of resource. Whoever makes them closes them. */
export function createMappers(options: {
  database?: ConnectionOptions
  manageBus: ManageBus
  temporal: RuntimeOptions
  archives: ColdStorage
}) {
  return {
    secrets: createSecretsMapper(),
    database: createDatabaseMapper(options.database),
    'object-store': createObjectStoreMapper(),
    runtime: createRuntimeMapper(options.temporal),
    network: createNetworkMapper(),
    topic: createTopicMapper(options.manageBus),
    archive: createArchiveMapper(options.archives),
  } satisfies Record<ResourceKind, Mapper>
}
export type Mappers = ReturnType<typeof createMappers>
