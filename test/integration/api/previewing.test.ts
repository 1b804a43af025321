import { afterAll, beforeAll, expect, it } from 'vitest'
import { createApiKey } from '../../../registry/api-keys.ts'
import { everyRow } from '../../support/every-row.ts'
import { createWorld, manifest, type SeenOperation, type World } from '../../support/world.ts'

/** What a preview tells is what the operation then does; and it writes nothing, whatever it tells. */
let world: World
const keep30 = { name: 'keep-30-days', kind: 'retention', minimumDays: 30 }
const first = { plan: 'free' }
const two = { ...first, environments: [{ name: 'prod' }, { name: 'staging' }] }
const short = { ...first, policies: { retention: 'P7D' } }

beforeAll(async () => {
  world = await createWorld()
  const worker = await world.worker()
  const provision = async (slug: string) => world.until((await world.apply(slug, first)).operation.id, 'succeeded')
  await Promise.all(['adding', 'growing', 'denied', 'resting'].map(provision))
  const { body } = await world.request('POST', '/v1/tenants/resting/delete', { reason: 'a test' })
  await world.until((body['operation'] as SeenOperation).id, 'succeeded')
  await world.request('PUT', '/v1/policies', { rules: [keep30] })
  // Nobody else writes then.
  await worker.stop()
})
afterAll(() => world.close())

type Change = { action: string; resource: string; irreversible: boolean; steps: string[] }
type Told = {
  operation: string | null
  generation: number
  fields: { path: string }[]
  changes: Change[]
  violations: { rule: string; path?: string; message: string; remedy?: string }[]
}
const ask = (slug: string, spec: object, headers = {}) =>
  world.request('POST', '/v1/tenants:preview', manifest(slug, spec), headers)
async function preview(slug: string, spec: object): Promise<Told> {
  const { status, body } = await ask(slug, spec)
  expect([status, body]).toEqual([200, expect.anything()])
  return body as Told
}
const put = (slug: string, spec: object) => world.request('PUT', `/v1/tenants/${slug}`, manifest(slug, spec))
const actions = ({ changes }: Told) => changes.map(({ action, resource }) => `${action} ${resource}`).toSorted()
const stepsOf = ({ changes }: Told) => changes.flatMap(({ steps }) => steps).toSorted()

/** Titles of the steps that applying it has, once it is through. */
async function applied(slug: string, spec: object): Promise<string[]> {
  const { status, body } = await put(slug, spec)
  expect([status, body]).toEqual([202, expect.anything()])
  const { steps } = await world.until((body['operation'] as SeenOperation).id, 'succeeded')
  return (steps as unknown as { title: string }[]).map(({ title }) => title).toSorted()
}

it('writes nothing into any table, of a new tenant, a changed, a denied and a refused one', async () => {
  const rows = async () => (await everyRow(world.adminUrl('registry'))).split('\n').toSorted()
  const before = await rows()
  const asked = [
    ['brand-new', first],
    ['adding', two],
    ['growing', { plan: 'pro' }],
    ['denied', short],
    ['resting', two],
  ] as const
  const statuses: number[] = []
  for (const [slug, spec] of asked) statuses.push((await ask(slug, spec)).status)
  expect(statuses).toEqual([200, 200, 200, 200, 409])
  expect(await rows()).toEqual(before)
})

it('tells of an environment that is added, by the steps that the operation then has', async () => {
  await world.worker()
  const told = await preview('adding', two)
  expect(told).toMatchObject({ operation: 'update', generation: 2, violations: [] })
  expect(told.fields.map(({ path }) => path)).toEqual(['spec.environments'])
  expect(new Set(told.changes.map(({ action }) => action))).toEqual(new Set(['create', 'migrate']))
  expect(told.changes.every(({ resource }) => resource.startsWith('staging/'))).toBe(true)
  expect(told.changes.some(({ irreversible }) => irreversible)).toBe(false)
  expect(await applied('adding', two)).toEqual(stepsOf(told))

  const back = await preview('adding', first)
  expect(new Set(back.changes.map(({ action, irreversible }) => `${action} ${irreversible}`))).toEqual(
    new Set(['remove true']),
  )
  expect(await applied('adding', first)).toEqual(stepsOf(back))
})

it('tells of a plan that is changed what differs, by the steps that the operation then has', async () => {
  const told = await preview('growing', { plan: 'pro' })
  expect(actions(told)).toEqual(['change prod/1/database', 'change prod/runtime'])
  expect(told.changes.find(({ resource }) => resource === 'prod/1/database')).toMatchObject({
    from: { connectionLimit: 5 },
    to: { connectionLimit: 20 },
    irreversible: false,
  })
  expect(await applied('growing', { plan: 'pro' })).toEqual(stepsOf(told))
})

it('names the rule that is broken and how to satisfy it, as the refusal then does', async () => {
  const { violations } = await preview('denied', short)
  expect(violations).toEqual([
    {
      rule: 'keep-30-days',
      path: 'spec.policies.retention',
      message: expect.any(String),
      remedy: expect.stringContaining('P30D'),
    },
  ])
  const { status, body } = await put('denied', short)
  expect([status, body['code']]).toEqual([422, 'policy_denied'])
  const [violation] = violations
  expect(body['errors']).toEqual([{ ...violation, message: expect.stringContaining(violation?.message ?? '?') }])
})

it('refuses in a state that cannot be updated, as apply does', async () => {
  const told = await ask('resting', two)
  const refused = await put('resting', two)
  expect([told.status, told.body['code']]).toEqual([409, 'transition_not_allowed'])
  expect([told.body['code'], told.body['detail']]).toEqual([refused.body['code'], refused.body['detail']])
})

it('lets an operator do all three, and an auditor see the differences alone', async () => {
  const em = () => world.deps.orm.em.fork()
  const [operator, auditor] = [
    await createApiKey(em(), 'compares', 'platform-operator'),
    await createApiKey(em(), 'reads', 'platform-auditor'),
  ]
  const seen = async (key: string) => {
    const headers = { authorization: `Bearer ${key}` }
    const answers = [
      await ask('growing', first, headers),
      await world.request('GET', '/v1/tenants/growing/diff', undefined, headers),
      await world.request('GET', '/v1/tenants/growing/manifest', undefined, headers),
    ]
    return answers.map(({ status, body }) => body['code'] ?? status)
  }
  expect(await seen(operator)).toEqual([200, 200, 200])
  expect(await seen(auditor)).toEqual(['forbidden', 200, 'forbidden'])
})
