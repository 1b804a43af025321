import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import type { Stack } from './stack.ts'

/** What has been used since the beginning: statements of the services on the registry, and milliseconds of processor. */
export type Used = { statements: number; nodeMs: number; postgresMs: number; temporalMs: number }

/** Looks at what a stack uses; `close` gives the connection back. */
export async function openMeter({ stateDir, environment, workerPid }: Stack) {
  const registry = new URL(environment['DATABASE_URL'] ?? '')
  const login = registry.username
  registry.username = 'postgres'
  registry.password = readFileSync(join(stateDir, 'postgres-superuser.password'), 'utf8').trim()
  const admin = new pg.Client({ connectionString: registry.href })
  await admin.connect()
  await admin.query('create extension if not exists pg_stat_statements')
  const pidOf = (name: string) =>
    (JSON.parse(readFileSync(join(stateDir, 'processes', `${name}.json`), 'utf8')) as { pid: number }).pid

  async function sample(): Promise<Used> {
    const { rows } = await admin.query<{ calls: string }>(
      `select coalesce(sum(calls), 0) as calls from pg_stat_statements s join pg_roles r on r.oid = s.userid
       join pg_database d on d.oid = s.dbid where d.datname = current_database() and r.rolname in ($1, 'freehold_runtime')`,
      [login],
    )
    const own = process.cpuUsage()
    return {
      statements: Number(rows[0]?.calls),
      nodeMs: (own.user + own.system) / 1_000 + processorMs(workerPid).own,
      postgresMs: ofTree(pidOf('postgres')),
      temporalMs: processorMs(pidOf('temporal')).own,
    }
  }
  return { sample, close: () => admin.end() }
}

/** What was used in between, for each of so many, less what idling takes in the same time. */
export function usedPer(count: number, before: Used, after: Used, idle: Used): Used {
  const each = (key: keyof Used) => Math.round(((after[key] - before[key] - idle[key]) / count) * 10) / 10
  return {
    statements: each('statements'),
    nodeMs: each('nodeMs'),
    postgresMs: each('postgresMs'),
    temporalMs: each('temporalMs'),
  }
}

/** Of a process: itself, and its children that have ended. */
function processorMs(pid: number): { own: number; ended: number; parent: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const [parent = 0] = fields.slice(1)
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15)
  // Linux counts in hundredths of a second.
  return { own: (user + system) * 10, ended: (endedUser + endedSystem) * 10, parent }
}

/** Of a server that has a process for each session. */
function ofTree(root: number): number {
  const { own, ended } = processorMs(root)
  const sessions = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      try {
        return processorMs(Number(name))
      } catch {
        return { own: 0, ended: 0, parent: 0 }
      }
    })
    .filter(({ parent }) => parent === root)
  return own + ended + sessions.reduce((sum, session) => sum + session.own, 0)
}
