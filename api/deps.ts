import type { Signer } from '../crypto/signing.ts'
import type { Observed } from '../domain/drift.ts'
import type { MovePlan } from '../domain/relocation.ts'
import type { Platform } from '../domain/platform.ts'
import type { Logger } from '../base/logger.ts'
import type { ApiMetrics } from '../base/metrics.ts'
import type { MigrationSource } from '../base/migration-source.ts'
import type { Startable } from '../base/temporal.ts'
import type { ApiKeyRow } from '../registry/entities/api-key.ts'
import type { Orm } from '../registry/orm.ts'

/** How a workflow is told to begin or to undo. Called after the commit; what fails here is started by the worker's sweep. */
export type Starter = {
  readonly start: (operation: Startable) => Promise<void>
  readonly cancel: (operation: Startable) => Promise<void>
  /** What there is in the world of a tenant; no operation, and nothing is changed. Throws `not_ready`. */
  readonly observe: (tenant: string) => Promise<Observed[]>
  /** What a move of an environment would have to do; nothing is changed. Throws `not_ready`. */
  readonly planMove: (tenant: string, environment: string) => Promise<MovePlan>
}

/** What the API works with. */
export type ApiDeps = {
  /** The registry, as the services role. */
  readonly orm: Orm
  readonly platform: Platform
  readonly platformKey: Buffer
  readonly signer: Signer
  readonly migrations: MigrationSource
  readonly starter: Starter
  readonly log: Logger
  readonly temporalUiUrl?: string
  readonly temporalNamespace: string
  /** What the API needs to serve, by name, and whether it answers. */
  readonly ready: () => Promise<Record<string, boolean>>
  readonly metrics: ApiMetrics
  /** Aborted when the process is going down: ends event streams. */
  readonly closing?: AbortSignal
}

/** What is known of a request on its way through the handlers. */
export type ApiEnv = {
  Variables: {
    correlationId: string
    apiKey: Pick<ApiKeyRow, 'id' | 'name' | 'role'>
    /** Id of the tenant the request is about, once it is known; for the log. */
    tenantId: string
  }
}
