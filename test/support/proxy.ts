import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export type Proxy = Awaited<ReturnType<typeof startProxy>>

/** A network between a client and a server, that fails on demand. */
export async function startProxy(target: { host: string; port: number }) {
  const sockets = new Set<Socket>()
  const unheard: (() => void)[] = []
  let isSilent = false
  let delayMs = 0
  let server = await listen(0)
  const port = portOf(server)

  async function listen(at: number): Promise<Server> {
    const listening = createServer(join)
    listening.listen(at, '127.0.0.1')
    await once(listening, 'listening')
    return listening
  }

  function join(client: Socket): void {
    const upstream = connect(target.port, target.host)
    carry(client, upstream)
    carry(upstream, client)
  }

  function carry(from: Socket, to: Socket): void {
    sockets.add(from)
    let last: Promise<unknown> = Promise.resolve()
    if (isSilent) from.pause()
    from.on('data', (chunk) => {
      last = last.then(() => sleep(delayMs)).then(() => to.write(chunk))
    })
    from.on('error', () => from.destroy())
    from.on('close', () => {
      sockets.delete(from)
      const end = () => to.destroy()
      // On a silent network the other end does not hear of it.
      if (isSilent) unheard.push(end)
      else void last.then(end)
    })
  }

  function dropAll(): void {
    for (const socket of sockets) socket.destroy()
  }

  return {
    port,
    /** The URL of the server, as it is reached through here. */
    through(url: string): string {
      const parsed = new URL(url)
      parsed.hostname = '127.0.0.1'
      parsed.port = String(port)
      return parsed.href
    },
    /** The server is gone: every connection ends, none is accepted. */
    async cut(): Promise<void> {
      if (!server.listening) return
      server.close()
      dropAll()
      await once(server, 'close')
    },
    /** Connections are accepted and stay open, and nothing is carried any more in either direction. */
    silence(): void {
      isSilent = true
      for (const socket of sockets) socket.pause()
    },
    /** Everything as at first; what was held back while it was silent goes on its way. */
    async resume(): Promise<void> {
      isSilent = false
      for (const socket of sockets) socket.resume()
      for (const end of unheard.splice(0)) end()
      if (!server.listening) server = await listen(port)
    },
    /** Every chunk is late by this much, in each direction. */
    latency(milliseconds: number): void {
      delayMs = milliseconds
    },
    async stop(): Promise<void> {
      server.close()
      dropAll()
    },
  }
}

/** The port that a server listens at. */
export function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  return address.port
}
