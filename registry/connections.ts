import { Socket } from 'node:net'
import { createPostgreSqlTypeParsers } from '@mikro-orm/postgresql'
import pTimeout from 'p-timeout'
import pg from 'pg'

/** How long one thing may take before it is given up, in milliseconds; 0 is without end. */
export type ConnectionLimits = {
  /** Wait for a free connection of the pool, and for a new one to be there. */
  readonly connect: number
  /** Wait for a row, a table or an advisory lock; the server ends it. */
  readonly lock: number
  /** One statement; the server ends it. */
  readonly statement: number
  /** One statement as the client sees it; for a server or a network that says nothing any more. */
  readonly query: number
}

/**
 * A statement of a service takes milliseconds, so one of 20 s is stuck. The client waits 5 s longer than the server, so
 * that whenever the server still speaks its own error comes first, which keeps the connection. All count per statement: a
 * transaction may take as long as it needs.
 */
export const serviceLimits: ConnectionLimits = { connect: 10_000, lock: 10_000, statement: 20_000, query: 25_000 }

/** A migration may rewrite a large table, and waits as long as another process migrates. */
export const migrationLimits: ConnectionLimits = { ...serviceLimits, statement: 0, query: 0 }

/** Whether the registry answers is asked by people and balancers who do not wait. */
export const probeLimits: ConnectionLimits = { connect: 2_000, lock: 2_000, statement: 2_000, query: 2_000 }

const idleMs = 30_000
const closeGraceMs = 5_000

export type ConnectionOptions = {
  /** Role to drop to after connecting. */
  readonly role?: string
  /** How many the pool may hold. */
  readonly connections: number
  readonly limits?: ConnectionLimits
}

export type Connections = { readonly pool: pg.Pool; readonly close: () => Promise<void> }

/**
 * A pool of connections to the registry. Nothing on it waits for ever: every client has timeouts and TCP keepalive.
 * `close` waits a few seconds for work that runs, then cuts it, so it always ends; it may be called twice.
 * @param url the registry database
 */
export function openConnections(url: string, options: ConnectionOptions): Connections {
  const sockets = new Set<Socket>()
  const { connections, limits = serviceLimits } = options
  const pool = new pg.Pool({
    connectionString: withoutOptions(url),
    application_name: 'freehold',
    max: connections,
    idleTimeoutMillis: idleMs,
    connectionTimeoutMillis: limits.connect,
    ...(limits.query === 0 ? {} : { query_timeout: limits.query }),
    keepAlive: true,
    keepAliveInitialDelayMillis: idleMs,
    options: startOptions(options.role, limits),
    types: types(),
    stream: () => track(sockets),
  })
  // Without these listeners a connection that drops would take the process down. Whoever uses it gets the error anyway.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  let closed: Promise<void> | undefined
  return { pool, close: () => (closed ??= closeAll(pool, sockets)) }
}

/** A socket of ours, so that it can be cut whatever the client on it believes. */
function track(sockets: Set<Socket>): Socket {
  const socket = new Socket()
  sockets.add(socket)
  socket.once('close', () => sockets.delete(socket))
  return socket
}

async function closeAll(pool: pg.Pool, sockets: Set<Socket>): Promise<void> {
  const ended = pool.end().then(() => Promise.all([...sockets].map(closing)))
  await pTimeout(ended, { milliseconds: closeGraceMs, fallback: () => [] })
  for (const socket of sockets) socket.destroy()
}

const closing = (socket: Socket) => new Promise((resolve) => socket.once('close', resolve))

/**
 * What keeps one that hangs from holding up all the others: who waits for a row gives up and comes again, a transaction
 * nobody goes on with ends, and a client whose machine is gone is noticed within a minute instead of hours.
 */
function startOptions(role: string | undefined, limits: ConnectionLimits): string {
  const settings = [
    `lock_timeout=${limits.lock}`,
    `statement_timeout=${limits.statement}`,
    'idle_in_transaction_session_timeout=15min',
    'tcp_keepalives_idle=30',
    'tcp_keepalives_interval=10',
    'tcp_keepalives_count=3',
    ...(role === undefined ? [] : [`role=${role}`]),
  ]
  return settings.map((one) => `-c ${one}`).join(' ')
}

/** `options` of an URL would take the place of ours, and with them of the role. */
function withoutOptions(url: string): string {
  const parsed = new URL(url)
  parsed.searchParams.delete('options')
  return parsed.href
}

/** Types as MikroORM wants them on its connections: of times the text, which it parses by itself. */
function types(): pg.TypeOverrides {
  const overrides = new pg.TypeOverrides()
  // The types of `pg` take the text that is parsed for a number.
  const textArray = overrides.getTypeParser(oidOfTextArray) as unknown as (text: string) => string[]
  for (const [oid, parse] of Object.entries(createPostgreSqlTypeParsers(textArray)))
    overrides.setTypeParser(Number(oid), parse)
  return overrides
}

const oidOfTextArray = 1009
