import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { unwrapKey } from '../../../crypto/envelope.ts'
import { createSigner } from '../../../crypto/signing.ts'
import { firstBrokenLink } from '../../../crypto/hash-chain.ts'
import { newApiKey } from '../../../crypto/tokens.ts'
import { workflowId, type OperationKind } from '../../../domain/operation.ts'
import { TenantKey } from '../../../registry/entities/secret.ts'
import { secretsOf } from '../../support/secrets.ts'
import { everyRow } from '../../support/every-row.ts'
import { leaks, suspects } from '../../support/leaks.ts'
import { startService, type Service } from '../../support/service.ts'
import { createWorld, manifest, type World } from '../../support/world.ts'

/** Where a secret could be found, and what was found there. */
const places = [
  'the log of the API',
  'the log of the worker',
  'the metrics',
  'the answers of the API',
  'the events of a tenant',
  'the event stream of an operation',
  'the histories',
  'the registry',
  'the database of the tenants',
] as const
type Place = (typeof places)[number]
const seen = Object.fromEntries(places.map((place) => [place, ''])) as Record<Place, string>
/** Every secret there was, by what it is. */
const secrets: Record<string, string> = {}
/** Answers to who asked for credentials. */
const told: string[] = []

let world: World
let migrationsDir: string
let planted: string
const running: { service: 'api' | 'worker'; process: Service }[] = []

/**
 * API and worker as production runs them, logging all they can, through a life in which much goes wrong with credentials:
 * the cell's password is wrong, a migration fails, the platform key is wrong, an API key is wrong.
 */
beforeAll(async () => {
  migrationsDir = migrationSets()
  world = await createWorld({ migrationsDir })
  const { wrongWarehouse, wrongPlatformKey } = plant()
  const api = await start('api')

  await start('worker', wrongWarehouse)
  const contacts = [{ role: 'admin', email: secrets['contact'] }]
  const spec = { schema: { appVersion: '1.0.0' }, contacts }
  const provision = await accepted(api, 'POST', '/v1/tenants', manifest('planted', spec))
  await world.until(provision, 'failed')
  await stop('worker')

  await start('worker')
  await world.until(await accepted(api, 'POST', '/v1/tenants/planted/retry'), 'succeeded')
  await collect('first')
  told.push(await call(api, 'POST', '/v1/tenants/planted/credentials'))
  const rotation = await accepted(api, 'POST', '/v1/tenants/planted/credentials', { rotate: true })
  await world.until(rotation, 'succeeded')
  await collect('rotated')
  told.push(await call(api, 'POST', '/v1/tenants/planted/credentials'))
  const broken = await accepted(api, 'POST', '/v1/tenants', manifest('broken', { schema: { appVersion: '2.0.0' } }))
  await world.until(broken, 'failed')
  const purge = await accepted(api, 'POST', '/v1/tenants/broken/purge', { confirm: 'broken' })
  await world.until(purge, 'succeeded')
  await stop('worker')

  const [locked] = await Promise.all([start('api', wrongPlatformKey), start('worker', wrongPlatformKey)])
  seen['the answers of the API'] += await call(locked, 'POST', '/v1/tenants/planted/credentials')
  const stalled = await accepted(api, 'POST', '/v1/tenants/planted/credentials', { rotate: true })
  await world.until(stalled, 'interrupted')
  await call(api, 'GET', '/v1/whoami', undefined, secrets['wrong API key'])

  for (const path of ['', '/context', '/resources'])
    seen['the answers of the API'] += await call(api, 'GET', `/v1/tenants/planted${path}`)
  seen['the events of a tenant'] = await call(api, 'GET', '/v1/tenants/planted/events?limit=200')
  for (const id of [provision, rotation, broken, purge]) {
    seen['the answers of the API'] += await call(api, 'GET', `/v1/operations/${id}`)
    seen['the event stream of an operation'] += await call(api, 'GET', `/v1/operations/${id}/stream`)
    seen['the histories'] += await histories(id)
  }
  seen['the histories'] += await histories(stalled)
  planted = (await world.tenant('planted')).id
  await stop('api', 'worker')
  seen['the registry'] = await everyRow(world.adminUrl('registry'))
  seen['the database of the tenants'] = await everyRow(world.adminUrl('warehouse'))
})
afterAll(async () => {
  await stop('api', 'worker')
  await world.close()
  rmSync(migrationsDir, { recursive: true, force: true })
})

/** What the registry keeps of the signing keys, and whoever looks may know: their public halves, and the ids made of them. */
function publicTexts(): Set<string> {
  const platformKeys = [world.environment.TEST_PLATFORM_KEY, secrets['wrong platform key'] ?? '']
  const keys = platformKeys.map((key) => createSigner(Buffer.from(key, 'base64')).publicKey)
  return new Set(keys.flatMap(({ kid, x }) => [kid, x]))
}

describe('no secret is in', () => {
  /** What shows that the place was looked at when there was something to see. */
  const shows: Record<Place, string[]> = {
    'the log of the API': ['"status":202', '"status":401', '"status":500', 'request failed'],
    'the log of the worker': ['activity done', 'configuration_invalid', 'migration_failed', 'secret_unreadable'],
    'the metrics': ['freehold_http_request_duration_seconds_count{', 'freehold_activity_failures_total{'],
    'the answers of the API': ['"manifest":', '"topology":', '"migration_failed"', '"secret_unreadable"'],
    'the events of a tenant': ['CREDENTIALS_READ', 'CREDENTIALS_ROTATED', 'OPERATION_FAILED', 'OPERATION_INTERRUPTED'],
    'the event stream of an operation': ['event: operation', 'event: end'],
    'the histories': ['configuration_invalid', 'migration_failed', 'secret_unreadable'],
    'the registry': ['TENANCY_CREDENTIALS_READ', '/prod/database-1'],
    'the database of the tenants': ['_prod_1_app', '1.0.0/001-notes.sql'],
  }

  it.each(places)('%s', (place) => {
    expect(shows[place].filter((text) => !seen[place].includes(text))).toEqual([])
    expect(leaks(seen[place], secrets)).toEqual([])
  })

  // What was made and destroyed again nobody can read any more, so it is known by its looks. Histories are base64 all over.
  it.each(places.filter((place) => place !== 'the histories'))('%s, not even one that is gone', (place) => {
    const isPublic = publicTexts()
    expect(suspects(seen[place]).filter((text) => !isPublic.has(text))).toEqual([])
  })

  it('of all the secrets there were', () => {
    expect(Object.keys(secrets)).toEqual([
      'platform key',
      'wrong platform key',
      'API key',
      'wrong API key',
      'password of the cell',
      'wrong password of the cell',
      'password of the registry',
      'contact',
      'first key of the tenant',
      'first database-1',
      'first object-store',
      'first topic',
      'rotated key of the tenant',
      'rotated database-1',
      'rotated database-1.rotation',
      'rotated object-store',
      'rotated topic',
      'rotated topic.rotation',
    ])
    expect(told.map((answer) => leaks(answer, secrets))).toEqual([
      ['first database-1', 'first topic'],
      ['rotated database-1', 'rotated topic'],
    ])
  })
})

it('the events of a tenant are a chain that shows any change', async () => {
  const links = await world.deps.orm.em
    .fork()
    .execute<{ seq: number; previousHash: string; hash: string; text: string }[]>(
      'select seq::int as seq, previous_hash as "previousHash", hash, body as text from events where stream = ? order by seq',
      [planted],
    )
  expect(links.length).toBeGreaterThan(5)
  expect(firstBrokenLink(links)).toBeUndefined()
  expect(
    firstBrokenLink(
      links.map((link, index) => (index === 2 ? { ...link, text: link.text.replace('TENANCY', 'tenancy') } : link)),
    ),
  ).toBe(3)
})

/** A good set and one that fails. */
function migrationSets(): string {
  const path = mkdtempSync(join(tmpdir(), 'freehold-migrations-'))
  for (const [version, sql] of Object.entries({ '1.0.0': 'create table notes (text text)', '2.0.0': 'select x' })) {
    mkdirSync(join(path, version))
    writeFileSync(join(path, version, '001-notes.sql'), sql)
  }
  return path
}

/** Notes the secrets that are there before any tenant, and gives the variables that hold wrong ones. */
function plant() {
  const warehouse = new URL(world.environment.FREEHOLD_WAREHOUSE_URL)
  Object.assign(secrets, {
    'platform key': world.environment.TEST_PLATFORM_KEY,
    'wrong platform key': randomBytes(32).toString('base64'),
    'API key': world.key,
    'wrong API key': newApiKey(),
    'password of the cell': warehouse.password,
    'wrong password of the cell': randomBytes(12).toString('hex'),
    'password of the registry': new URL(world.environment.DATABASE_URL).password,
    contact: 'planted.person@secret.example',
  })
  warehouse.password = secrets['wrong password of the cell'] ?? ''
  return {
    wrongWarehouse: { FREEHOLD_WAREHOUSE_URL: warehouse.href },
    wrongPlatformKey: { TEST_PLATFORM_KEY: secrets['wrong platform key'] },
  }
}

/** Notes the key of the tenant and all that is sealed with it now. */
async function collect(when: string): Promise<void> {
  const { id } = await world.tenant('planted')
  const em = world.deps.orm.em.fork()
  const { wrapped } = await em.findOneOrFail(TenantKey, { tenant: id })
  secrets[`${when} key of the tenant`] = unwrapKey(world.deps.platformKey, Buffer.from(wrapped)).toString('base64')
  const sealed = await secretsOf(world.deps, id)
  for (const name of await sealed.list('secrets/')) {
    const [last = ''] = name.split('/').slice(-1)
    // The canary is the tenant's public owner tag.
    if (last !== 'canary') secrets[`${when} ${last}`] = (await sealed.read(name)) ?? ''
  }
}

async function start(service: 'api' | 'worker', more: Record<string, string | undefined> = {}): Promise<Service> {
  const process = await startService(service, { ...world.environment, ...more })
  running.push({ service, process })
  return process
}

/** Ends these services and keeps what they said. */
async function stop(...services: ('api' | 'worker')[]): Promise<void> {
  for (const one of running.filter(({ service }) => services.includes(service))) {
    running.splice(running.indexOf(one), 1)
    seen['the metrics'] += await (await fetch(`${one.process.url}/metrics`)).text()
    await one.process.stop()
    seen[one.service === 'api' ? 'the log of the API' : 'the log of the worker'] += one.process.output()
  }
}

async function call({ url }: Service, method: string, path: string, body?: object, key = world.key): Promise<string> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  const answer = await fetch(url + path, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return answer.text()
}

/** Id of the operation that was accepted. */
async function accepted(api: Service, method: string, path: string, body?: object): Promise<string> {
  const answer = await call(api, method, path, body)
  const { operation } = JSON.parse(answer) as { operation?: { id: string } }
  if (operation === undefined) throw new Error(`${method} ${path}: ${answer}`)
  return operation.id
}

/** The histories of all attempts at an operation. */
async function histories(id: string): Promise<string> {
  const { attempt, workflowId: newest } = await world.operation(id)
  const [kind] = newest.split('/') as [OperationKind]
  const texts = Array.from({ length: attempt }, async (_, index) => {
    const handle = world.client.workflow.getHandle(workflowId({ kind, id, attempt: index + 1 }))
    return JSON.stringify(historyToJSON(await handle.fetchHistory()))
  })
  return (await Promise.all(texts)).join('\n')
}
