import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { LocalStackError, messageOf } from '../errors.ts'
import { postgresAccount } from './account.ts'
import { postgresBinaries } from './binaries.ts'
import { clearStalePostmaster, ensureDataDir } from './data-dir.ts'
import { startServerProcess } from '../server-process.ts'
import type { ServerProcess } from '../server-process.ts'

/**
 * A running PostgreSQL; `url` is its superuser's and holds the password; `exited` tells how it ended, expected or not.
 */
export type LocalPostgres = { url: string; port: number; exited: Promise<string>; stop: () => Promise<void> }

const always = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'wal_level=logical',
  // Each move has a stream both ways; a slot that nobody reads must not fill the disk; and who applies comes back at once.
  'max_replication_slots=50',
  'max_wal_senders=50',
  'max_active_replication_origins=50',
  'max_logical_replication_workers=50',
  'max_worker_processes=64',
  'max_slot_wal_keep_size=8GB',
  'wal_retrieve_retry_interval=100ms',
  // For the platform's own logins; tenants share the rest.
  'reserved_connections=20',
  'timezone=UTC',
  'log_timezone=UTC',
]

/** For throw-away servers: a crash of the machine may ruin the data, and everything is faster. */
const withoutDurability = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off']

/** Crash recovery replays the log before the server answers; with a large log that takes a while. */
const startTimeoutMs = 120_000

/**
 * Starts the embedded PostgreSQL on a loopback port with its data in `<stateDir>/postgres`, made at the first start,
 * and its log in `<stateDir>/logs/postgres.log`. Durable unless `fsync` is false; `maxConnections` is 200 by default;
 * logical decoding is on, for live moves. Recovers from a crash of the last run. `stop` is a fast shutdown: sessions
 * are ended, the data is consistent. Throws LocalStackError with the server's own last words when it does not come up.
 */
export async function startPostgres(options: {
  stateDir: string
  port: number
  password: string
  maxConnections?: number
  fsync?: boolean
  /** More settings, as `name=value`. */
  settings?: readonly string[]
  /** Ends the start before the server, where it may. */
  signal?: AbortSignal
  log: (message: string) => void
}): Promise<LocalPostgres> {
  const { port, password, fsync = true, maxConnections = 200, log } = options
  const stateDir = resolve(options.stateDir)
  const dataDir = join(stateDir, 'postgres')
  const { postgres, initdb } = postgresBinaries()
  const account = postgresAccount({ stateDir, dataDir, program: postgres })
  await clearStalePostmaster(dataDir, log)
  await ensureDataDir({ dataDir, initdb, password, sync: fsync, account, log })
  options.signal?.throwIfAborted()
  const settings = [
    `max_connections=${maxConnections}`,
    ...always,
    ...(fsync ? [] : withoutDurability),
    ...(options.settings ?? []),
  ]
  const args = ['-D', dataDir, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])]
  const [command = postgres, ...rest] = [...account.wrapper, postgres, ...args]
  const { uid, gid } = account
  const server = await whenReady(dataDir, log, () =>
    startServerProcess({
      name: 'postgres',
      command,
      args: rest,
      stateDir,
      stopSignals: ['SIGINT', 'SIGQUIT'],
      graceMs: 30_000,
      ...(uid === undefined || gid === undefined ? {} : { uid, gid }),
    }),
  )
  const url = `postgresql://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`
  try {
    await requireLogin(url, dataDir)
  } catch (error) {
    await server.stop()
    throw error
  }
  return { url, port, exited: server.exited, stop: server.stop }
}

/** Starts it until it accepts connections; the sessions of a killed server hold its shared memory for a few moments. */
async function whenReady(
  dataDir: string,
  log: (message: string) => void,
  start: () => Promise<ServerProcess>,
): Promise<ServerProcess> {
  const deadline = Date.now() + startTimeoutMs
  for (;;) {
    const server = await start()
    const ended = await readyOrEnded(server, dataDir, deadline)
    if (ended === undefined) return server
    await server.stop()
    const held = /pre-existing shared memory block/.test(server.logTail())
    if (!held || Date.now() > deadline) {
      throw new LocalStackError(`PostgreSQL did not start (${ended}). Its log ends: ${server.logTail()}`)
    }
    log('PostgreSQL: waiting for the last sessions of the crashed run to end')
    await sleep(500)
  }
}

/** Resolves to undefined when it accepts connections (the last line of its pid file says so), else to what happened. */
async function readyOrEnded(server: ServerProcess, dataDir: string, deadline: number): Promise<string | undefined> {
  let ended: string | undefined
  void server.exited.then((how) => (ended = how))
  while (Date.now() < deadline) {
    if (ended !== undefined) return ended
    const lines = pidFile(dataDir)
    if (Number(lines[0]) === server.pid && lines[7]?.trim() === 'ready') return undefined
    await sleep(20)
  }
  return `no answer within ${startTimeoutMs / 1000} s`
}

function pidFile(dataDir: string): string[] {
  try {
    return readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n')
  } catch {
    return []
  }
}

async function requireLogin(url: string, dataDir: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  try {
    await client.connect()
  } catch (error) {
    throw new LocalStackError(
      `PostgreSQL refused its superuser (${messageOf(error)}); ${dataDir} was made with another password: give that one back, or begin anew with \`npm start -- --fresh\`.`,
      { cause: error },
    )
  } finally {
    await client.end()
  }
}
