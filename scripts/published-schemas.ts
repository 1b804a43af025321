import { createApi } from '../api/app.ts'
import type { ApiDeps } from '../api/deps.ts'
import { manifestJsonSchema } from '../domain/manifest.ts'
import { createLogger } from '../base/logger.ts'
import { apiMetrics, createMetricsRegistry } from '../base/metrics.ts'
import { generatedClient, type OpenApi } from './client-types.ts'

/**
 * What is kept in the repository and made from the code: path from the root to the text it has to have. Asks the API for
 * its OpenAPI document, as a client would; needs no server.
 */
export async function publishedSchemas(): Promise<Record<string, string>> {
  const document = await openApi()
  return {
    'docs/schemas/tenant-v1alpha1.json': pretty(manifestJsonSchema()),
    'docs/schemas/openapi.json': pretty(document),
    'packages/sdk/generated.ts': await generatedClient(document),
  }
}

async function openApi(): Promise<OpenApi> {
  // Routes are described before anything is asked of their other dependencies.
  const log = createLogger({ LOG_LEVEL: 'error', LOG_FORMAT: 'json' })
  const deps = { log, metrics: apiMetrics(createMetricsRegistry()) } as ApiDeps
  const response = await createApi(deps).app.request('/openapi.json')
  if (!response.ok) throw new Error(`the API cannot describe itself: ${await response.text()}`)
  return (await response.json()) as OpenApi
}

function pretty(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
