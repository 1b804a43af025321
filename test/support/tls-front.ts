import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { createServer } from 'node:tls'
import type { Pair } from './certificates.ts'

/**
 * TLS in front of a server that speaks none, as gRPC needs it (HTTP/2).
 * @param options the server's own certificate; with `clientAuthority` clients must show one that it issued
 */
export async function startTlsFront(address: string, options: { pair: Pair; clientAuthority?: string }) {
  const [host, port] = address.split(':')
  const sockets = new Set<Socket>()
  const server = createServer(
    {
      ...options.pair,
      ALPNProtocols: ['h2'],
      ...(options.clientAuthority === undefined
        ? {}
        : { ca: options.clientAuthority, requestCert: true, rejectUnauthorized: true }),
    },
    (client) => {
      const upstream = connect(Number(port), host)
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        sockets.add(from)
        from.pipe(to)
        from.on('error', () => to.destroy())
        from.on('close', () => to.destroy())
      }
    },
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop(): void {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
