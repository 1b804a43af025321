import type { Platform } from '../domain/platform.ts'
import type { ColdStorage } from '../isolation/archives/cold-storage.ts'
import type { Mappers } from '../isolation/mappers/index.ts'
import type { MigrationSource } from '../base/migration-source.ts'
import type { ResolveSecret } from '../base/secret-reference.ts'
import type { Orm } from '../registry/orm.ts'

/** What activities work with; made once by the worker. */
export type ActivityDeps = {
  /** The registry, as the services role. */
  readonly orm: Orm
  readonly platform: Platform
  readonly platformKey: Buffer
  readonly mappers: Mappers
  /** Where archives rest. */
  readonly archives: ColdStorage
  readonly migrations: MigrationSource
  readonly resolveSecret: ResolveSecret
}
