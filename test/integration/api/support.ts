import { randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import { pino } from 'pino'
import { expect, inject } from 'vitest'
import { createApi } from '../../../api/app.ts'
import { apiDeps } from '../../../api/compose.ts'
import type { ApiDeps } from '../../../api/deps.ts'
import { createSigner } from '../../../crypto/signing.ts'
import { platformSchema } from '../../../domain/platform.ts'
import { createMetricsRegistry } from '../../../base/metrics.ts'
import type { Startable } from '../../../base/temporal.ts'
import { createApiKey } from '../../../registry/api-keys.ts'
import { applyPlatform } from '../../../registry/apply-platform.ts'
import { migrateRegistry } from '../../../registry/migrate.ts'
import { openRegistry, servicesRole } from '../../../registry/orm.ts'

/** Two cells with room in one region, and in the other a cell with room for one environment. */
const platform = platformSchema.parse({
  regions: [
    { name: 'eu-north', residency: 'eu' },
    { name: 'eu-south', residency: 'eu' },
  ],
  plans: [
    {
      name: 'pro',
      weight: 1,
      databaseConnections: 5,
      quotas: { storageGiB: 50, requestsPerSecond: 100, concurrentTasks: 10 },
    },
  ],
  cells: [
    { name: 'shared-1', region: 'eu-north', capacity: 500 },
    { name: 'shared-2', region: 'eu-north', capacity: 500 },
    { name: 'tiny-1', region: 'eu-south', capacity: 1 },
  ].map((cell) => ({
    ...cell,
    profiles: ['mt-standard'],
    database: { credential: 'env:NOT_USED' },
    objectStore: { root: '/not-used' },
  })),
})

/** A registry database of its own with cells and a key of each role, and the API over it, called in process. */
export async function openTestApi() {
  const name = `api_${randomBytes(6).toString('hex')}`
  const admin = new pg.Client({ connectionString: inject('postgresUrl') })
  await admin.connect()
  await admin.query(`create database ${name}`)
  const url = new URL(inject('postgresUrl'))
  url.pathname = `/${name}`
  await migrateRegistry(url.href)
  const orm = await openRegistry(url.href, { role: servicesRole, connections: 25 })
  const em = () => orm.em.fork()
  await applyPlatform(em(), platform, {
    database: async () => ({ host: '127.0.0.1', port: 5432, name: 'warehouse_shared' }),
    bus: async () => ({ host: '127.0.0.1', port: 5672, tls: false }),
  })
  const keys = {
    admin: await createApiKey(em(), 'boss', 'platform-admin'),
    auditor: await createApiKey(em(), 'auditor', 'platform-auditor'),
  }
  const started: Startable[] = []
  const cancelled: Startable[] = []
  const lines: string[] = []
  const platformKey = randomBytes(32)
  const log = pino({ level: 'info' }, { write: (line: string) => lines.push(line) })
  const closing = new AbortController()
  const shared = apiDeps({
    orm,
    // For the metrics alone: what waits for the topic is told.
    platform: { ...platform, governance: { bus: 'none', topic: 'governance' } },
    platformKey,
    signer: createSigner(platformKey),
    migrations: { versions: async () => ['1.0.0', '1.4.0'], migrationsUpTo: async () => [] },
    starter: {
      start: async (operation) => {
        started.push(operation)
        // The port may fail: what was accepted stands all the same.
        if (operation.slug.startsWith('lost-')) throw new Error('no server')
      },
      cancel: async (operation) => void cancelled.push(operation),
      planMove: async () => ({ tables: [], sequences: 0, bytes: 0, blockers: [] }),
      observe: async () => [],
    },
    log,
    metricsRegistry: createMetricsRegistry(),
    config: { TEMPORAL_NAMESPACE: 'freehold', FREEHOLD_TEMPORAL_UI_URL: 'http://127.0.0.1:8233/' },
    ready: async () => ({ registry: true, temporal: true }),
  })
  const deps: ApiDeps = { ...shared, platform, closing: closing.signal }
  const { app } = createApi(deps)

  type Options = { key?: string | null; headers?: Record<string, string>; body?: Body | object }
  async function call(method: string, path: string, options: Options = {}) {
    const key = options.key === undefined ? keys.admin : options.key
    const isPlain = options.body !== undefined && Object.getPrototypeOf(options.body) === Object.prototype
    const response = await app.request(path, {
      method,
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(isPlain ? { 'content-type': 'application/json' } : {}),
        ...options.headers,
      },
      ...(options.body === undefined
        ? {}
        : { body: isPlain ? JSON.stringify(options.body) : (options.body as Body), duplex: 'half' as const }),
    })
    const text = await response.text()
    const isJson = (response.headers.get('content-type') ?? '').includes('json')
    return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined }
  }

  const sql = (text: string, values: unknown[] = []) => em().execute(text, values)

  /** A tenant as it is once its provisioning has ended in this state. */
  async function settled(state: 'active' | 'failed', spec: object = {}) {
    const { body } = await call('POST', '/v1/tenants', { body: manifest({ spec }) })
    const outcome = state === 'active' ? 'succeeded' : 'failed'
    await sql(`update operations set state = ?, revision = revision + 1, finished_at = now() where id = ?`, [
      outcome,
      body.operation.id,
    ])
    await sql(`update tenants set state = ? where id = ?`, [state, body.tenant.id])
    return body as { tenant: { id: string; slug: string; code: string }; operation: { id: string } }
  }

  /** Every row of every table of the registry as text, by table. */
  async function rows(): Promise<Record<string, string[]>> {
    const tables = (await sql(
      `select tablename as name from pg_tables where schemaname = 'public' order by 1`,
    )) as unknown as { name: string }[]
    const selects = tables.map(
      ({ name }) => `select '${name}' as name, array(select t::text from "${name}" t order by 1) as rows`,
    )
    const found = (await sql(selects.join(' union all '))) as unknown as { name: string; rows: string[] }[]
    return Object.fromEntries(found.map((table) => [table.name, table.rows]))
  }

  /**
   * Gives the result of `work`, and fails when afterwards one row of the registry is not as it was, or a workflow was to
   * be started or cancelled.
   * @param except tables that may change
   */
  async function unchanged<T>(work: () => Promise<T>, except: readonly string[] = []): Promise<T> {
    const look = async () => ({
      told: [started.length, cancelled.length],
      rows: Object.entries(await rows()).filter(([table]) => !except.includes(table)),
    })
    const before = await look()
    const result = await work()
    expect(await look()).toEqual(before)
    return result
  }

  return {
    deps,
    orm,
    call,
    settled,
    rows,
    unchanged,
    keys,
    started,
    cancelled,
    lines,
    platformKey,
    /** Runs SQL in the registry, to put it into a state that the worker would reach. */
    sql,
    url: url.href,
    close: async () => {
      closing.abort()
      await orm.close(true)
      await admin.query(`drop database ${name} with (force)`)
      await admin.end()
    },
  }
}
/** What a body can be sent as; an object of any other kind goes as JSON. */
export type Body = string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>
export type TestApi = Awaited<ReturnType<typeof openTestApi>>

/** A manifest with a slug of its own. */
export function manifest(changes: { slug?: string; labels?: Record<string, string>; spec?: object } = {}) {
  const slug = changes.slug ?? `t-${randomUUID().slice(0, 8)}`
  return {
    apiVersion: 'freehold.dev/v1alpha1',
    kind: 'Tenant',
    metadata: { slug, name: 'Acme Manufacturing', labels: changes.labels ?? {} },
    spec: { plan: 'pro', region: 'eu-north', ...changes.spec },
  }
}

export const mebibyte = 1024 * 1024
/** A manifest in JSON of exactly so many bytes. */
export function paddedManifest(bytes: number): string {
  const text = JSON.stringify(manifest())
  return text + ' '.repeat(bytes - text.length)
}
