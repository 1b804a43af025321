import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { FreeholdError } from '../domain/errors.ts'

const graceMs = 5_000

type Fetch = (request: Request) => Response | Promise<Response>
/** Where to listen; `variable` is the one that sets the port, for the error. */
type Address = { host: string; port: number; variable: string }

/**
 * Serves HTTP. Throws `configuration_invalid` when the address cannot be listened on.
 * @returns its base URL, with the port that was chosen when `port` is 0, and `stop`, which lets requests finish for 5 s
 */
export async function listen(fetch: Fetch, address: Address): Promise<{ url: string; stop: () => Promise<void> }> {
  const { host: hostname, port } = address
  const server = serve({ fetch, hostname, port })
  const { port: chosen } = await new Promise<AddressInfo>((resolve, reject) => {
    server.once('error', (cause) => reject(unusable(address, cause)))
    server.once('listening', () => resolve(server.address() as AddressInfo))
  })
  const host = hostname.includes(':') ? `[${hostname}]` : hostname
  let stopped: Promise<void> | undefined
  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    // A connection whose last answer ends after this is kept alive by its client, and would be waited for.
    const idle = setInterval(() => 'closeIdleConnections' in server && server.closeIdleConnections(), 50)
    const grace = setTimeout(() => 'closeAllConnections' in server && server.closeAllConnections(), graceMs)
    await closed
    clearInterval(idle)
    clearTimeout(grace)
  }
  return { url: `http://${host}:${chosen}`, stop: () => (stopped ??= close()) }
}

function unusable({ host, port, variable }: Address, cause: NodeJS.ErrnoException): FreeholdError {
  const why = cause.code === 'EADDRINUSE' ? 'is taken by another program' : `cannot be listened on (${cause.code})`
  return new FreeholdError(
    'configuration_invalid',
    `port ${port} of ${host} ${why}; see ${variable} and FREEHOLD_HOST`,
    {
      cause,
    },
  )
}
