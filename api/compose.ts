import type { Closing } from '../base/closing.ts'
import { apiMetrics } from '../base/metrics.ts'
import type { Composition } from '../registry/compose.ts'
import { exposeRegistry } from '../registry/gauges.ts'
import type { ApiDeps, Starter } from './deps.ts'
import { startApi } from './server.ts'

/** Of the composition what the API works with; `starter` may be another. */
type Sources = Pick<
  Composition,
  'orm' | 'platform' | 'platformKey' | 'signer' | 'migrations' | 'log' | 'metricsRegistry' | 'ready'
> & {
  readonly starter: Starter
  readonly config: Pick<Composition['config'], 'TEMPORAL_NAMESPACE' | 'FREEHOLD_TEMPORAL_UI_URL'>
}

/** What the API needs on top of what it shares with the worker. Once for each composition, for a metric is registered once. */
export function apiDeps(sources: Sources): ApiDeps {
  const { orm, platform, platformKey, signer, migrations, starter, log, ready, metricsRegistry, config } = sources
  exposeRegistry(metricsRegistry, { orm, log, hasGovernance: platform.governance !== undefined })
  const temporalUiUrl = config.FREEHOLD_TEMPORAL_UI_URL
  return {
    orm,
    platform,
    platformKey,
    signer,
    migrations,
    starter,
    log,
    metrics: apiMetrics(metricsRegistry),
    temporalNamespace: config.TEMPORAL_NAMESPACE,
    ...(temporalUiUrl === undefined ? {} : { temporalUiUrl }),
    ready,
  }
}

/**
 * Serves the API at the address of the configuration.
 * @returns its base URL
 * @throws `configuration_invalid` when the address cannot be listened on
 */
export async function serveApi(composition: Composition, closing: Closing): Promise<string> {
  const { FREEHOLD_HOST: host, FREEHOLD_PORT: port } = composition.config
  const { url, stop } = await startApi({ ...apiDeps(composition), host, port })
  closing.add('the API', stop, 8_000)
  return url
}
