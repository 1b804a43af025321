import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { LocalStackError } from '../../local/errors.ts'
import { freePorts } from '../../local/ports.ts'
import { startPostgres } from '../../local/postgres/server.ts'
import { identify } from '../../local/process-table.ts'
import { stopLeftovers } from '../../local/server-process.ts'
import { openStateDir } from '../../local/state-dir.ts'
import type { StateDir } from '../../local/state-dir.ts'
import { resolveTemporalBinary } from '../../local/temporal/binary.ts'
import { ensureNamespaces, ensureSearchAttributes } from '../../deploy/temporal-namespaces.ts'
import { startTemporal } from '../../local/temporal/server.ts'
import { workflowBundle } from '../../worker/workflow-bundle.ts'
import { temporaryPrefix } from './temp-dir.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Connection URL of the superuser of the run's own PostgreSQL. */
    postgresUrl: string
    /** `host:port` of the run's own Temporal server, with the namespaces `freehold` and `workloads`. */
    temporalAddress: string
    /** A Temporal CLI that runs, for tests that start a server of their own. */
    temporalBinary: string
    /** Path of the bundle of the workflows. */
    workflowBundle: string
  }
}

type Stop = () => Promise<void>

const prefix = 'freehold-test-'
const log = (message: string): void => console.error(`test servers: ${message}`)

/**
 * Starts the one PostgreSQL and the one Temporal server that all integration tests of a run share; both are empty, in
 * memory or not durable, and gone with the run. The returned teardown ends them.
 */
export default async function setup(project: TestProject): Promise<Stop> {
  await removeAbandoned()
  const state = await openStateDir({ path: mkdtempSync(join(tmpdir(), prefix)), log })
  const stops: Stop[] = []
  const teardown = async (): Promise<void> => {
    await Promise.all(stops.map((stop) => stop()))
    state.release()
    rmSync(state.path, { recursive: true, force: true })
  }
  // All settled before a teardown, so that a server is never missed because it came up after the other had failed.
  const started = await Promise.allSettled([
    postgres(project, state, stops),
    temporal(project, state, stops),
    bundle(project, state),
  ])
  const failed = started.find((result) => result.status === 'rejected')
  if (failed === undefined) return teardown
  await teardown()
  throw failed.reason
}

async function postgres(project: TestProject, state: StateDir, stops: Stop[]): Promise<void> {
  const [port = 0] = await freePorts(1)
  const password = randomBytes(12).toString('hex')
  const server = await startPostgres({
    stateDir: state.path,
    port,
    password,
    maxConnections: 300,
    fsync: false,
    log: () => {},
  })
  stops.push(server.stop)
  project.provide('postgresUrl', server.url)
}

async function bundle(project: TestProject, state: StateDir): Promise<void> {
  const path = join(state.path, 'workflows.js')
  const { code } = await workflowBundle(new URL('../../workflows/index.ts', import.meta.url))
  writeFileSync(path, code)
  project.provide('workflowBundle', path)
}

async function temporal(project: TestProject, state: StateDir, stops: Stop[]): Promise<void> {
  const binary = await resolveTemporalBinary({ env: process.env, log })
  const [port = 0] = await freePorts(1)
  const { address, stop } = await startTemporal({ binary, stateDir: state.path, port, keepState: false })
  stops.push(stop)
  await ensureNamespaces({ address }, [
    { name: 'freehold', retentionDays: 1 },
    { name: 'workloads', retentionDays: 1 },
  ])
  const attributes = { TenantId: 'Keyword', TenantSlug: 'Keyword', Operation: 'Keyword', Phase: 'Keyword' } as const
  await ensureSearchAttributes({ address }, 'freehold', attributes)
  await ensureSearchAttributes({ address }, 'workloads', { TenantId: 'Keyword', Environment: 'Keyword' })
  project.provide('temporalAddress', address)
  project.provide('temporalBinary', binary)
}

/**
 * Ends the servers and removes the directories of runs that were killed, those of single tests as well. The ones of
 * running tests have a living pid, the ones of running setups a lock.
 */
async function removeAbandoned(): Promise<void> {
  const names = readdirSync(tmpdir())
  for (const name of names.filter((entry) => entry.startsWith(temporaryPrefix))) {
    const path = join(tmpdir(), name)
    if (identify(Number(name.split('-')[2])) !== undefined) continue
    for (const stateDir of [path, join(path, '.freehold')]) await stopLeftovers(stateDir, log)
    rmSync(path, { recursive: true, force: true })
  }
  for (const path of names.filter((name) => name.startsWith(prefix)).map((name) => join(tmpdir(), name))) {
    if (!existsSync(join(path, 'lock'))) continue
    try {
      const { release } = await openStateDir({ path, log })
      release()
      rmSync(path, { recursive: true, force: true })
    } catch (error) {
      if (!(error instanceof LocalStackError)) throw error
    }
  }
}
