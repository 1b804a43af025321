import { randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import { pino } from 'pino'
import { inject } from 'vitest'
import { createApi } from '../../../api/app.ts'
import type { ApiDeps } from '../../../api/deps.ts'
import { platformSchema } from '../../../domain/platform.ts'
import type { Startable } from '../../../platform/temporal.ts'
import { createApiKey } from '../../../registry/api-keys.ts'
import { applyCells } from '../../../registry/cells.ts'
import { migrateRegistry } from '../../../registry/migrate.ts'
import { openRegistry, runtimeRole } from '../../../registry/orm.ts'

const platform = platformSchema.parse({
  regions: [{ name: 'eu-north', residency: 'eu' }],
  plans: [
    {
      name: 'pro',
      weight: 1,
      databaseConnections: 5,
      quotas: { storageGiB: 50, requestsPerSecond: 100, concurrentTasks: 10 },
    },
  ],
  cells: ['shared-1', 'shared-2'].map((name) => ({
    name,
    region: 'eu-north',
    profiles: ['mt-standard'],
    capacity: 500,
    database: { credential: 'env:NOT_USED' },
    objectStore: { root: '/not-used' },
  })),
})

/** A registry database of its own with two cells and a key of each role, and the API over it, called in process. */
export async function openTestApi() {
  const name = `api_${randomBytes(6).toString('hex')}`
  const admin = new pg.Client({ connectionString: inject('postgresUrl') })
  await admin.connect()
  await admin.query(`create database ${name}`)
  const url = new URL(inject('postgresUrl'))
  url.pathname = `/${name}`
  await migrateRegistry(url.href)
  const orm = await openRegistry(url.href, { role: runtimeRole, connections: 25 })
  const em = () => orm.em.fork()
  await applyCells(em(), platform, async () => ({ host: '127.0.0.1', port: 5432, name: 'warehouse_shared' }))
  const keys = {
    admin: await createApiKey(em(), 'boss', 'platform-admin'),
    auditor: await createApiKey(em(), 'auditor', 'platform-auditor'),
  }
  const started: Startable[] = []
  const cancelled: Startable[] = []
  const lines: string[] = []
  const platformKey = randomBytes(32)
  const closing = new AbortController()
  const deps: ApiDeps = {
    orm,
    platform,
    platformKey,
    migrations: { versions: async () => ['1.0.0', '1.4.0'], migrationsUpTo: async () => [] },
    starter: {
      start: async (operation) => {
        started.push(operation)
        // The port may fail: what was accepted stands all the same.
        if (operation.slug.startsWith('lost-')) throw new Error('no server')
      },
      cancel: async (operation) => void cancelled.push(operation),
    },
    log: pino({ level: 'info' }, { write: (line: string) => lines.push(line) }),
    temporalUiUrl: 'http://127.0.0.1:8233/',
    temporalNamespace: 'freehold',
    ready: async () => ({ registry: true, temporal: true }),
    closing: closing.signal,
  }
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

  return {
    deps,
    orm,
    call,
    keys,
    started,
    cancelled,
    lines,
    platformKey,
    /** Runs SQL as the owner of the registry, to put it into a state that the worker would reach. */
    sql: (text: string, values: unknown[] = []) => orm.em.fork().execute(text, values),
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
