import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import rhea from 'rhea'
import type { Connection, EventContext } from 'rhea'
import { ClientConnection } from './client-connection.ts'
import type { Log } from './client-connection.ts'
import type { Namespace } from './namespace.ts'

/** A server that listens; `stop` cuts its connections. */
export type Listening = { port: number; stop: () => Promise<void> }

/** What the real service answers in its open frame. */
const openFields = { max_frame_size: 65_536, channel_max: 4_999, idle_time_out: 120_000 }

/** Deliveries that one session may have unsettled: a message held long keeps those after it in rhea's buffer. */
const unsettled = 16_384

/** Without these rhea would accept and grant credit by itself, and report abandoned messages twice. */
const manual = { autoaccept: false, credit_window: 0, treat_modified_as_released: false }

const linkEvents = {
  message: 'message',
  accepted: 'accepted',
  modified: 'modified',
  released: 'released',
  rejected: 'rejected',
  sender_flow: 'credited',
  sendable: 'sendable',
  sender_draining: 'draining',
  sender_close: 'closed',
  receiver_close: 'closed',
} as const

/** Events that need no answer, but of which rhea throws if nobody listens. */
const ignored = ['sender_error', 'receiver_error', 'session_error', 'connection_error', 'settled']

/** Serves a namespace's data plane over plain AMQP 1.0. */
export async function listenAmqp(namespace: Namespace, host: string, port: number, log: Log): Promise<Listening> {
  const container = rhea.create_container({ id: `freehold-${namespace.name}` })
  const connections = new Map<Connection, ClientConnection>()
  const sockets = new Set<Socket>()
  const of = ({ connection }: EventContext): ClientConnection => {
    const known = connections.get(connection) ?? new ClientConnection(namespace, log)
    connections.set(connection, known)
    return known
  }
  const gone = (context: EventContext) => {
    connections.get(context.connection)?.disconnected()
    connections.delete(context.connection)
  }
  container.on('sender_open', (context: EventContext) => context.sender && of(context).attach(context.sender))
  container.on('receiver_open', (context: EventContext) => context.receiver && of(context).attach(context.receiver))
  for (const [event, handler] of Object.entries(linkEvents))
    container.on(event, (context: EventContext) => connections.get(context.connection)?.handle(handler, context))
  container.on('session_close', (context: EventContext) => connections.get(context.connection)?.sessionClosed(context))
  for (const event of ['disconnected', 'connection_close']) container.on(event, gone)
  for (const event of ignored) container.on(event, () => {})
  for (const event of ['error', 'protocol_error'])
    container.on(event, (error: unknown) => log(`AMQP of namespace ${namespace.name}: ${String(error)}`))

  const server = container.listen({
    host,
    port,
    session_buffer_size: { outgoing: unsettled },
    ...openFields,
    ...manual,
  })
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
