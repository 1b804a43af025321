import { afterAll, beforeAll, expect, it } from 'vitest'
import { createWorld, manifest, type SeenOperation, type World } from '../../support/world.ts'

/** A hold that comes between the acceptance of what ends a tenant and its beginning, which governance may make minutes. */
let world: World
beforeAll(async () => {
  world = await createWorld()
  await world.worker()
})
afterAll(() => world.close())

const post = (slug: string, name: string, body: object = {}, through?: ReturnType<World['api']>) =>
  world.request('POST', `/v1/tenants/${slug}/${name}`, body, {}, through)
const held = async (slug: string) => {
  const { status } = await world.request('PUT', `/v1/tenants/${slug}/legal-hold`, { reason: 'case 4714' })
  expect(status).toBe(200)
}
async function provisioned(slug: string): Promise<void> {
  const { operation } = await world.apply(slug)
  await world.until(operation.id, 'succeeded')
}
const idOf = (body: Record<string, unknown>) => (body['operation'] as SeenOperation).id
async function done(slug: string, name: string, ...ends: SeenOperation['state'][]): Promise<void> {
  const { status, body } = await post(slug, name)
  expect([status, body]).toEqual([202, expect.anything()])
  await world.until(idOf(body), ...(ends.length === 0 ? (['succeeded'] as const) : ends))
}
/** Accepts a command whose workflow the sweep starts a little later. */
const unstarted = () => world.api({ starter: { ...world.starter, start: async () => {} } })

it('keeps a tenant from a delete that was accepted before; that can be dropped, or retried once the hold is lifted', async () => {
  await provisioned('kept')
  const { body } = await post('kept', 'delete', {}, unstarted())
  await held('kept')
  expect(await world.until(idOf(body), 'interrupted', 'succeeded')).toMatchObject({
    state: 'interrupted',
    error: { code: 'legal_hold' },
  })
  expect((await world.tenant('kept')).state).toBe('active')
  await done('kept', 'abort', 'aborted')
  expect((await world.tenant('kept')).state).toBe('active')
  await done('kept', 'suspend')
})

it('a purge that it stopped can be dropped, and the tenant is given back', async () => {
  await provisioned('given-back')
  await done('given-back', 'delete')
  const { body } = await post('given-back', 'purge', { confirm: 'given-back' }, unstarted())
  await held('given-back')
  expect(await world.until(idOf(body), 'interrupted')).toMatchObject({ abortable: true })
  await done('given-back', 'abort', 'aborted')
  expect((await world.tenant('given-back')).state).toBe('soft-deleted')
  await done('given-back', 'undelete')
  expect((await world.tenant('given-back')).state).toBe('active')
})

it('keeps the environments of a tenant as well, also from an update that was accepted before', async () => {
  const spec = (...names: string[]) => ({ environments: names.map((name) => ({ name })) })
  const { operation } = await world.apply('whole', spec('prod', 'old'))
  await world.until(operation.id, 'succeeded')
  const put = (names: string[], through?: ReturnType<World['api']>) =>
    world.request('PUT', '/v1/tenants/whole', manifest('whole', spec(...names)), {}, through)
  const { body } = await put(['prod'], unstarted())
  await held('whole')
  expect(await world.until(idOf(body), 'failed', 'succeeded')).toMatchObject({
    state: 'failed',
    error: { code: 'legal_hold' },
  })
  expect(await put(['prod'])).toMatchObject({ status: 409, body: { code: 'legal_hold' } })
  const { body: found } = await world.request('GET', '/v1/tenants/whole/resources')
  const environments = (found['items'] as { environment: string }[]).map(({ environment }) => environment)
  expect(new Set(environments)).toEqual(new Set(['prod', 'old']))
  const { status, body: more } = await put(['prod', 'old', 'new'])
  expect(status).toBe(202)
  await world.until(idOf(more), 'succeeded')
})
