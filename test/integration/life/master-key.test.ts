import { afterAll, beforeAll, expect, it } from 'vitest'
import { unwrapKey } from '../../../crypto/envelope.ts'
import { createApiKey } from '../../../registry/api-keys.ts'
import { sqlOf } from '../../../registry/pool.ts'
import { everyRow } from '../../support/every-row.ts'
import { createWorld, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'

/** The master key that a dedicated tenant has for itself, from its birth to its destruction. */
let world: World
beforeAll(async () => {
  world = await createWorld()
  await world.worker()
})
afterAll(() => world.close())

async function provisioned(slug: string, profile: string): Promise<SeenTenant> {
  const { tenant, operation } = await world.apply(slug, { profile })
  await world.until(operation.id, 'succeeded')
  return tenant
}
async function command(slug: string, name: string, body: object = {}): Promise<void> {
  const answer = await world.request('POST', `/v1/tenants/${slug}/${name}`, body)
  expect([answer.status, answer.body]).toEqual([202, expect.anything()])
  await world.until((answer.body['operation'] as SeenOperation).id, 'succeeded')
}
const sql = <T extends object>(text: string, values: unknown[] = []) => sqlOf(world.deps.orm.pool)<T>({ text, values })
const storedKey = async ({ id }: SeenTenant) =>
  (
    await sql<{ wrapped: Buffer; master: string | null }>(
      'select wrapped, master from tenant_keys where tenant_id = $1',
      [id],
    )
  )[0]
const toldOf = async ({ id }: SeenTenant, type: string) =>
  (await sql<{ body: string }>('select body from events where stream = $1 and type = $2 order by seq', [id, type])).map(
    ({ body }) => (JSON.parse(body) as { data: object }).data,
  )
const credentials = async (slug: string) => {
  const { status, body } = await world.request('POST', `/v1/tenants/${slug}/credentials`, {})
  expect(status).toBe(200)
  return (body['database'] as { url: string }).url
}
const rotate = (slug: string) => world.request('POST', `/v1/tenants/${slug}/master-key`, { reason: 'yearly' })

it('wraps the tenant’s key alone, is replaced without touching what is sealed, and is destroyed with it', async () => {
  const tenant = await provisioned('own', 'st-dedicated')
  const before = await storedKey(tenant)
  expect(await toldOf(tenant, 'TENANCY_KEY_CREATED')).toEqual([{ masterKey: before?.master }])
  const wrapped = before?.wrapped ?? Buffer.alloc(0)
  // The platform key opens the master key, and not what that wraps.
  const { platformKey } = world.deps
  const master = unwrapKey(platformKey, wrapped.subarray(0, 40))
  expect(() => unwrapKey(platformKey, wrapped.subarray(40))).toThrow('cannot be unwrapped')
  const key = unwrapKey(master, wrapped.subarray(40))
  const url = await credentials('own')

  const { status, body } = await rotate('own')
  const after = await storedKey(tenant)
  expect([status, body['masterKey']]).toEqual([200, { id: after?.master, before: before?.master }])
  expect(await toldOf(tenant, 'TENANCY_KEY_ROTATED')).toEqual([
    { before: before?.master, after: after?.master, reason: 'yearly' },
  ])
  expect(await credentials('own')).toBe(url)
  const renewed = after?.wrapped ?? Buffer.alloc(0)
  expect(unwrapKey(unwrapKey(platformKey, renewed.subarray(0, 40)), renewed.subarray(40))).toEqual(key)
  expect(() => unwrapKey(master, renewed.subarray(40))).toThrow('cannot be unwrapped')
  const rows = await everyRow(world.adminUrl('registry'))
  expect(rows).not.toContain(wrapped.subarray(0, 40).toString('hex'))
  expect(rows).toContain(renewed.toString('hex'))

  await command('own', 'delete')
  await command('own', 'purge', { confirm: 'own' })
  expect(await storedKey(tenant)).toBeUndefined()
  const destroyed = { masterKey: after?.master, fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) as string }
  expect(await toldOf(tenant, 'TENANCY_KEY_DESTROYED')).toEqual([destroyed])
  const [report] = await sql<{ document: string }>('select document from reports where tenant_id = $1', [tenant.id])
  expect(JSON.parse(report?.document ?? '{}')).toMatchObject({ key: { destroyed: true, ...destroyed } })
})

it('is not there in the shared profile, and nothing is made of asking for another', async () => {
  const tenant = await provisioned('shared', 'mt-standard')
  const before = await storedKey(tenant)
  expect([before?.master, before?.wrapped.length]).toEqual([null, 40])
  expect(await toldOf(tenant, 'TENANCY_KEY_CREATED')).toEqual([{}])
  const { status, body } = await rotate('shared')
  expect([status, body['code']]).toEqual([422, 'not_available'])
  expect(await storedKey(tenant)).toEqual(before)
  expect(await toldOf(tenant, 'TENANCY_KEY_ROTATED')).toEqual([])
})

it('is replaced by an admin alone', async () => {
  const tenant = await provisioned('asked', 'st-dedicated')
  const before = await storedKey(tenant)
  const key = await createApiKey(world.deps.orm.em.fork(), 'operator', 'platform-operator')
  const headers = { authorization: `Bearer ${key}` }
  const { status, body } = await world.request('POST', '/v1/tenants/asked/master-key', {}, headers)
  expect([status, body['code']]).toEqual([403, 'forbidden'])
  expect(await storedKey(tenant)).toEqual(before)
})
