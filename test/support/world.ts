import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { WorkflowHandle } from '@temporalio/client'
import type { ActivityInterceptorsFactory } from '@temporalio/worker'
import pg from 'pg'
import { inject } from 'vitest'
import { createApi } from '../../api/app.ts'
import { apiDeps } from '../../api/compose.ts'
import type { ActivityDeps } from '../../activities/deps.ts'
import { createClosing } from '../../base/closing.ts'
import { operationStarter } from '../../base/temporal.ts'
import { prepare } from '../../deploy/prepare.ts'
import type { OperationState, Timing } from '../../domain/operation.ts'
import { compose } from '../../registry/compose.ts'
import { composeWorker } from '../../worker/compose.ts'
import { startWorker, type RunningWorker } from '../../worker/worker.ts'
import { startTestBus } from './bus.ts'
import { dropReplication } from './replication-left.ts'
import { testTiming } from './timing.ts'

export type World = Awaited<ReturnType<typeof createWorld>>
export type SeenOperation = {
  id: string
  state: OperationState
  attempt: number
  error: { code: string; message: string; step?: string; unresolved?: string[] } | null
  steps: { key: string; state: string }[]
  workflowId: string
}
export type SeenTenant = {
  id: string
  code: string
  slug: string
  state: string
  conditions: { type: string }[]
  purgeAfter: string | null
  generation: number
  observedGeneration: number
}

/** A whole installation of its own on the run's servers: registry, warehouse, task queue, API; gone with `close()`. */
export async function createWorld(
  options: {
    migrationsDir?: string
    /** Variables beside or instead of the usual ones. */
    environment?: Record<string, string>
    busLimits?: { topics?: number }
    /** Namespaces of the broker besides the usual one, by name. */
    moreBuses?: readonly string[]
    timing?: Partial<Timing>
    /** How long `until` waits. */
    patienceMs?: number
    /** Changes the text of the platform file. */
    platform?: (text: string) => string
  } = {},
) {
  const name = `w_${randomBytes(5).toString('hex')}`
  const server = new URL(inject('postgresUrl'))
  const at = (database: string, user?: { name: string; password: string }) => {
    const url = new URL(server)
    url.pathname = `/${database}`
    if (user !== undefined) Object.assign(url, { username: user.name, password: user.password })
    return url.href
  }
  const admin = new pg.Client({ connectionString: server.href })
  await admin.connect()
  const login = (role: string) => ({ name: `${name}_${role}`, password: randomBytes(12).toString('hex') })
  const [service, provisioner] = [login('service'), login('provisioner')]
  const stateDir = mkdtempSync(join(tmpdir(), `freehold-world-`))
  const bus = await startTestBus(stateDir, options.busLimits, options.moreBuses)
  const environment = {
    ...bus.variables,
    DATABASE_URL: at(name, service),
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    FREEHOLD_TASK_QUEUE: name,
    FREEHOLD_STATE_DIR: stateDir,
    FREEHOLD_PLATFORM_FILE: unhurriedPlatform(stateDir, options.platform),
    FREEHOLD_WAREHOUSE_URL: at(`${name}_warehouse`, provisioner),
    FREEHOLD_PLATFORM_KEY: 'env:TEST_PLATFORM_KEY',
    TEST_PLATFORM_KEY: randomBytes(32).toString('base64'),
    FREEHOLD_SWEEP_INTERVAL_MS: '300',
    FREEHOLD_ACTIVITY_TIMEOUT_MS: '2000',
    FREEHOLD_ACTIVITY_ATTEMPTS: '3',
    LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent',
    ...(options.migrationsDir === undefined ? {} : { FREEHOLD_MIGRATIONS_DIR: options.migrationsDir }),
    ...options.environment,
  }
  const key = await prepare({ ...environment, DATABASE_ADMIN_URL: at(name) }, { say: () => {} })
  const closing = createClosing()
  const timing: Timing = { ...testTiming, ...options.timing }
  const composition = await compose(environment, { parts: ['api', 'worker'], timing }, closing)
  const deps = await composeWorker(composition, closing)
  const { client, starter } = composition
  const served = apiDeps(composition)
  const api = (with_: Partial<{ starter: typeof starter }> = {}) => createApi({ ...served, ...with_ }).app
  const app = api()
  const workers: RunningWorker[] = []

  async function request(
    method: string,
    path: string,
    body?: string | object,
    headers: Record<string, string> = {},
    through = app,
  ): Promise<{ status: number; body: Record<string, unknown>; headers: Headers }> {
    const text = typeof body === 'object' ? JSON.stringify(body) : body
    const response = await through.request(path, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(text === undefined
          ? {}
          : { 'content-type': typeof body === 'string' ? 'application/yaml' : 'application/json' }),
        ...headers,
      },
      ...(text === undefined ? {} : { body: text }),
    })
    return {
      status: response.status,
      body: (await response.json()) as Record<string, unknown>,
      headers: response.headers,
    }
  }

  return {
    name,
    environment,
    bus,
    deps,
    client,
    starter,
    request,
    api,
    key,
    /** The warehouse as the superuser, for looking at catalogues. */
    adminUrl: (database: 'warehouse' | 'registry') => at(database === 'registry' ? name : `${name}_warehouse`),
    async worker(
      activityDeps: Partial<ActivityDeps> = {},
      taskQueue = name,
      interceptors: ActivityInterceptorsFactory[] = [],
    ): Promise<RunningWorker> {
      const config = { ...deps.config, FREEHOLD_TASK_QUEUE: taskQueue }
      const worker = await startWorker({ ...deps, ...activityDeps, config }, interceptors)
      workers.push(worker)
      return worker
    },
    /** Accepts a manifest for the slug and gives tenant and operation. */
    async apply(slug: string, spec: object = {}): Promise<{ tenant: SeenTenant; operation: SeenOperation }> {
      const answer = await request('POST', '/v1/tenants', manifest(slug, spec))
      if (answer.status !== 202) throw new Error(`apply ${slug}: ${answer.status} ${JSON.stringify(answer.body)}`)
      return answer.body as unknown as { tenant: SeenTenant; operation: SeenOperation }
    },
    /** The same with a workflow that waits for the workers of another task queue. */
    async applyOn(taskQueue: string, slug: string): Promise<SeenOperation> {
      const elsewhere = operationStarter(client, { taskQueue, timing })
      const { body } = await request('POST', '/v1/tenants', manifest(slug), {}, api({ starter: elsewhere }))
      return body['operation'] as SeenOperation
    },
    async tenant(slug: string): Promise<SeenTenant> {
      return (await request('GET', `/v1/tenants/${slug}`)).body as unknown as SeenTenant
    },
    async operation(id: string): Promise<SeenOperation> {
      return (await request('GET', `/v1/operations/${id}`)).body as unknown as SeenOperation
    },
    /** A handle of the operation's workflow, once the API has started it. */
    async workflow(id: string): Promise<WorkflowHandle> {
      const handle = client.workflow.getHandle(id)
      for (let tries = 0; ; tries += 1) {
        const isThere = await handle.describe().then(
          () => true,
          () => false,
        )
        if (isThere) return handle
        if (tries > 200) throw new Error(`workflow ${id} was not started`)
        await sleep(50)
      }
    },
    /** Waits until the operation is in one of the states. */
    async until(id: string, ...states: OperationState[]): Promise<SeenOperation> {
      const until = Date.now() + (options.patienceMs ?? 40_000)
      // Asked less and less often: many tests wait at a time, and what asks takes the place of what works.
      for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 1.3, 400)) {
        const operation = await this.operation(id)
        if (states.includes(operation.state)) return operation
        if (Date.now() > until)
          throw new Error(`operation ${id} is still ${operation.state}: ${JSON.stringify(operation)}`)
        await sleep(pauseMs)
      }
    },
    async close(): Promise<void> {
      await Promise.all(workers.map((worker) => worker.stop().catch(() => undefined)))
      await closing.close()
      await bus.stop()
      const owned = await admin.query<{ database: string }>(
        'select datname as database from pg_database d join pg_roles r on r.oid = d.datdba where rolname = $1',
        [provisioner.name],
      )
      await dropReplication(
        server.href,
        owned.rows.map((row) => row.database),
      )
      for (const database of [...owned.rows.map((row) => row.database), name])
        await admin.query(`drop database if exists ${database} with (force)`)
      const { rows } = await admin.query<{ rolname: string }>(
        `select r.rolname from pg_auth_members m join pg_roles r on r.oid = m.roleid join pg_roles g on g.oid = m.member where g.rolname = $1 and r.rolname not like 'pg\\_%'`,
        [provisioner.name],
      )
      // What the mover may set is of the cluster, too.
      for (const { rolname } of rows) await admin.query(`drop owned by ${pg.escapeIdentifier(rolname)}`)
      for (const { rolname } of rows) await admin.query(`drop role if exists ${pg.escapeIdentifier(rolname)}`)
      for (const role of [provisioner, service]) await admin.query(`drop role if exists ${role.name}`)
      await admin.end()
      rmSync(stateDir, { recursive: true, force: true })
    },
  }
}

/** The example platform file, without the pace that a real bus asks for: its tests are elsewhere. */
function unhurriedPlatform(directory: string, change = (text: string) => text): string {
  const file = join(directory, 'platform.yaml')
  const credential = 'credential: env:SERVICE_BUS_CONNECTION_STRING\n'
  const pace = `${credential}    managementCallsPerSecond: 1000\n`
  writeFileSync(file, change(readFileSync('examples/platform.yaml', 'utf8').replace(credential, pace)))
  return file
}

/** A manifest as JSON. */
export function manifest(slug: string, spec: object = {}): object {
  return {
    apiVersion: 'freehold.dev/v1alpha1',
    kind: 'Tenant',
    metadata: { slug, name: slug },
    spec: { plan: 'pro', region: 'eu-north', ...spec },
  }
}
