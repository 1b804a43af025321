import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { freePorts } from '../../local/ports.ts'
import { startPostgres } from '../../local/postgres/server.ts'
import { temporaryPrefix } from './temp-dir.ts'

export type TenantServer = Awaited<ReturnType<typeof startTenantServer>>

/**
 * A PostgreSQL server of a tenant's own, as its administrator has prepared it: a login that may make roles and databases, and a
 * database for that login to come in by. Gone with `stop`.
 * @param settings of the server beside the usual ones, as `name=value`
 */
export async function startTenantServer(settings: readonly string[] = []) {
  const stateDir = mkdtempSync(join(tmpdir(), `${temporaryPrefix}${process.pid}-`))
  const [port = 0] = await freePorts(1)
  const password = randomBytes(12).toString('hex')
  const common = { stateDir, port, password, maxConnections: 300, fsync: false, log: () => {} }
  const server = await startPostgres({ ...common, settings })
  const role = `freehold_${randomBytes(4).toString('hex')}`
  const database = 'for_freehold'
  const opened: pg.Pool[] = []

  const urlOf = (user: string, userPassword: string, name = database) =>
    Object.assign(new URL(server.url), { username: user, password: userPassword, pathname: `/${name}` }).href

  /** The superuser in a database of this server. */
  function adminIn(name: string): pg.Pool {
    const url = Object.assign(new URL(server.url), { pathname: `/${name}` }).href
    const pool = new pg.Pool({ connectionString: url, max: 2, allowExitOnIdle: true })
    pool.on('error', () => {})
    opened.push(pool)
    return pool
  }

  const admin = adminIn('postgres')
  await admin.query(`create role ${role} login createrole createdb password '${password}'`)
  await admin.query(`create database ${database} owner ${role}`)
  await admin.query(`revoke all on database ${database} from public`)

  return {
    host: '127.0.0.1',
    port,
    role,
    password,
    database,
    admin,
    adminUrl: server.url,
    adminIn,
    urlOf,
    /** Connection URL of the login. */
    url: urlOf(role, password),
    async stop(): Promise<void> {
      await Promise.all(opened.map((pool) => pool.end()))
      await server.stop()
      rmSync(stateDir, { recursive: true, force: true })
    },
  }
}
