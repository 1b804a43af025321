import { listen } from '../base/http-server.ts'
import { createApi } from './app.ts'
import type { ApiDeps } from './deps.ts'

/**
 * Serves the API. Throws `configuration_invalid` when the address cannot be listened on.
 * @returns its base URL, with the port that was chosen when `port` is 0, and `stop`, which ends event streams, lets
 *   requests finish for 5 s and closes
 */
export async function startApi({
  host,
  port,
  ...deps
}: Omit<ApiDeps, 'closing'> & { host: string; port: number }): Promise<{ url: string; stop: () => Promise<void> }> {
  const closing = new AbortController()
  const { fetch } = createApi({ ...deps, closing: closing.signal })
  const { url, stop } = await listen(fetch, { host, port, variable: 'FREEHOLD_PORT' })
  return {
    url,
    stop: () => {
      closing.abort()
      return stop()
    },
  }
}
