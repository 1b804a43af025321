import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { createApi } from './app.ts'
import type { ApiDeps } from './deps.ts'

const graceMs = 5_000

/**
 * Serves the API.
 * @returns its base URL, with the port that was chosen when `port` is 0, and `stop`, which ends event streams, lets
 *   requests finish for 5 s and closes
 */
export async function startApi(
  deps: Omit<ApiDeps, 'closing'> & { host: string; port: number },
): Promise<{ url: string; stop: () => Promise<void> }> {
  const closing = new AbortController()
  const { fetch } = createApi({ ...deps, closing: closing.signal })
  const { host: hostname, port } = deps
  const server = serve({ fetch, hostname, port })
  const address = await new Promise<AddressInfo>((resolve, reject) => {
    server.once('error', reject)
    server.once('listening', () => resolve(server.address() as AddressInfo))
  })
  const host = hostname.includes(':') ? `[${hostname}]` : hostname
  let stopped: Promise<void> | undefined
  const close = async () => {
    closing.abort()
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    const timer = setTimeout(() => 'closeAllConnections' in server && server.closeAllConnections(), graceMs)
    await closed
    clearTimeout(timer)
  }
  return { url: `http://${host}:${address.port}`, stop: () => (stopped ??= close()) }
}
