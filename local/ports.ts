import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { codeOf, LocalStackError, messageOf } from './errors.ts'

const host = '127.0.0.1'

/**
 * Makes sure that a server can listen on this loopback port. Throws LocalStackError naming the port, what it is for and
 * the environment variable that changes it.
 */
export async function requireFreePort(port: number, use: { purpose: string; variable: string }): Promise<void> {
  try {
    await closed(await listening(port))
  } catch (error) {
    const why = codeOf(error) === 'EADDRINUSE' ? 'is taken by another program' : `cannot be used (${messageOf(error)})`
    throw new LocalStackError(
      `Port ${port} for ${use.purpose} ${why}; stop that program, or set ${use.variable} to a free port.`,
      { cause: error },
    )
  }
}

/**
 * `count` different free loopback ports. A connection closed from the server's side leaves each in TIME_WAIT, in which
 * the system hands it to nobody who asks for any port, while listening on it by number still works: so parallel runs do
 * not get the same.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listening(0)))
  return Promise.all(servers.map(reserve))
}

/** Whether something accepts connections on this loopback port. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host)
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}

async function reserve(server: Server): Promise<number> {
  const { port } = server.address() as AddressInfo
  server.on('connection', (socket) => socket.end())
  const socket = connect(port, host)
  socket.resume()
  await once(socket, 'close')
  await closed(server)
  return port
}

async function listening(port: number): Promise<Server> {
  const server = createServer()
  server.listen(port, host)
  await once(server, 'listening')
  return server
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}
