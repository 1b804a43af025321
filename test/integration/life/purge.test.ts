import { createPublicKey, verify } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { sealerOf } from '../../../registry/tenant-keys.ts'
import { sqlOf } from '../../../registry/pool.ts'
import { everyRow } from '../../support/every-row.ts'
import { nothing, remainsOf } from '../../support/remains.ts'
import { aroundVerbs } from '../../support/verbs.ts'
import { createWorld, type SeenOperation, type World } from '../../support/world.ts'

/** The end of a tenant, and the proof of it. */
let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

type Report = { id: string; kind: string; document: string; signature: string; keyId: string; operation: string }
const reportsOf = async (id: string) =>
  ((await world.request('GET', `/v1/tenants/${id}/reports`)).body as unknown as { items: Report[] }).items
const sql = <T extends object>(text: string, values: unknown[] = []) => sqlOf(world.deps.orm.pool)<T>({ text, values })

async function command(slug: string, name: string, body: object = {}): Promise<string> {
  const answer = await world.request('POST', `/v1/tenants/${slug}/${name}`, body)
  expect([answer.status, answer.body]).toEqual([202, expect.anything()])
  return (answer.body['operation'] as SeenOperation).id
}

const secretText = 'nobody-may-read-this-again'
const personal = { labels: 'label-of-somebody', setting: 'setting-of-somebody', name: 'Name of Somebody' }

it('leaves no trace but the tombstone and the trail, and certifies what it did', async () => {
  const worker = await world.worker()
  const { body } = await world.request(
    'POST',
    '/v1/tenants',
    {
      apiVersion: 'freehold.dev/v1alpha1',
      kind: 'Tenant',
      metadata: { slug: 'gone', name: personal.name, labels: { segment: personal.labels } },
      spec: { plan: 'pro', region: 'eu-north', settings: { note: personal.setting } },
    },
    { 'idempotency-key': 'kept-answer' },
  )
  const { tenant, operation } = body as unknown as Awaited<ReturnType<World['apply']>>
  await world.until(operation.id, 'succeeded')
  const { body: credentials } = await world.request('POST', '/v1/tenants/gone/credentials', {})
  const { url } = (credentials as { database: { url: string } }).database
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('insert into customers (name, email) values ($1, $2)', ['x', `${secretText}@example.com`])
  await client.end()
  const before = await everyRow(world.adminUrl('registry'))
  for (const text of Object.values(personal)) expect(before).toContain(text)
  const [sealed] = await sql<{ sealed: Buffer; name: string; version: number; wrapped: Buffer }>(
    'select s.sealed, s.name, s.version, k.wrapped from secrets s join tenant_keys k using (tenant_id) where tenant_id = $1 limit 1',
    [tenant.id],
  )
  const readable = () => sealerOf(world.deps.platformKey, tenant.id, sealed?.wrapped ?? null)
  expect(
    readable().open('secrets', `secrets/${sealed?.name}/${sealed?.version}`, sealed?.sealed ?? Buffer.alloc(0)),
  ).not.toBe('')

  await world.until(await command('gone', 'delete', { reason: 'they left' }), 'succeeded')
  const purge = await command('gone', 'purge', { confirm: 'gone', reason: 'they asked' })
  await world.until(purge, 'succeeded')
  await worker.stop()

  expect(await remainsOf(world, tenant)).toEqual(nothing)
  const after = await everyRow(world.adminUrl('registry'))
  for (const text of [...Object.values(personal), secretText]) expect(after).not.toContain(text)
  expect(await everyRow(world.adminUrl('warehouse'))).not.toContain(secretText)
  // A copy of what was sealed is all that there may still be, and the wrapped key is in no table any more.
  expect(after).not.toContain(sealed?.wrapped.toString('hex'))
  expect((await world.request('GET', `/v1/tenants/${tenant.id}`)).status).toBe(410)
  expect((await world.request('GET', `/v1/tenants/${tenant.id}/events`)).status).toBe(200)

  const [report, ...more] = await reportsOf(tenant.id)
  expect(more).toEqual([])
  const certificate = JSON.parse(report?.document ?? '{}') as {
    removed: { key: string; result: string; foundAgain: string }[]
  }
  expect(certificate).toMatchObject({
    version: 1,
    tenant: { id: tenant.id, slug: 'gone' },
    operation: { id: purge, actor: 'key:admin', reason: 'they asked' },
    key: { destroyed: true, fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
    trail: { stream: tenant.id, head: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
  })
  expect(Object.fromEntries(certificate.removed.map(({ key, foundAgain }) => [key, foundAgain]))).toEqual(
    Object.fromEntries(
      ['1/database', '1/network', 'object-store', 'runtime', 'secrets', 'topic'].map((key) => [
        `prod/${key}`,
        'nothing',
      ]),
    ),
  )
  const issued = await sql<{ body: string }>(
    `select body from events where stream = $1 and type = 'TENANCY_CERTIFICATE_ISSUED'`,
    [tenant.id],
  )
  expect(issued).toHaveLength(1)
  expect(JSON.parse(issued[0]?.body ?? '{}')).toMatchObject({ data: { report: report?.id } })

  const { body: jwks } = await world.request('GET', '/.well-known/freehold/keys.json')
  const [key] = (jwks as { keys: { kid: string }[] }).keys
  const check = (document: string) =>
    verify(
      null,
      Buffer.from(document),
      createPublicKey({ key: { ...key }, format: 'jwk' }),
      Buffer.from(report?.signature ?? '', 'base64url'),
    )
  expect(report?.keyId).toBe(key?.kid)
  expect(check(report?.document ?? '')).toBe(true)
  expect(check((report?.document ?? '').replace('they asked', 'they askeD'))).toBe(false)
  await expect(sql(`update reports set document = ''`)).rejects.toThrow(/permission denied/)
  await expect(sql('delete from reports')).rejects.toThrow(/permission denied/)
})

it('does not end while something of the tenant is there again, and says what', async () => {
  let comesBack = true
  const mappers = aroundVerbs(world.deps.mappers, async ({ action, target }, run) => {
    const result = await run()
    // Somebody makes the topic again behind the back of the removal.
    if (comesBack && action === 'remove' && target.spec.kind === 'topic')
      await world.bus.administration.createTopic(target.spec.name).catch(() => {})
    return result
  })
  const worker = await world.worker({ mappers })
  const { tenant, operation } = await world.apply('comes-again')
  await world.until(operation.id, 'succeeded')
  await world.until(await command('comes-again', 'delete'), 'succeeded')
  const purge = await command('comes-again', 'purge', { confirm: 'comes-again' })
  await expect
    .poll(async () => (await world.operation(purge)).error, { timeout: 20_000 })
    .toMatchObject({ code: expect.stringMatching(/leftovers_found|resource_not_owned/) as string, step: 'prod/topic' })
  expect(await reportsOf(tenant.id)).toEqual([])
  // What is there now is not the tenant's, which no other try can change.
  await world.until(purge, 'interrupted')
  comesBack = false
  await world.bus.administration.deleteTopic(`tenant-${tenant.code}-prod`)
  await world.request('POST', '/v1/tenants/comes-again/retry', {})
  await world.until(purge, 'succeeded')
  expect(await remainsOf(world, tenant)).toEqual(nothing)
  expect(await reportsOf(tenant.id)).toHaveLength(1)
  await worker.stop()
})
