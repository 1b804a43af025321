import { afterAll, beforeAll, expect, it } from 'vitest'
import { createWorld, manifest, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'

/** Namespaces of the bus that one tenant has for itself. */
const bus = (name: string) => `
  - name: ${name}
    region: eu-north
    profiles: [st-dedicated]
    capacity: 2
    dedicated: true
    credential: env:${name.toUpperCase()}_BUS
    management: env:${name.toUpperCase()}_BUS_ADMIN
    managementCallsPerSecond: 1000`

let world: World
beforeAll(async () => {
  world = await createWorld({
    moreBuses: ['own1', 'own2'],
    platform: (text) => text.replace(/\nbuses:/, `\nbuses:${bus('own1')}${bus('own2')}`),
  })
  await world.worker()
})
afterAll(() => world.close())

const accept = (slug: string, spec: object) => world.request('POST', '/v1/tenants', manifest(slug, spec))
async function done(body: Record<string, unknown>): Promise<SeenTenant> {
  expect(await world.until((body['operation'] as SeenOperation).id, 'succeeded', 'failed')).toMatchObject({
    state: 'succeeded',
  })
  return body['tenant'] as SeenTenant
}
const busOf = async (slug: string, environment = 'prod') => {
  const { body } = await world.request('GET', `/v1/tenants/${slug}/context?environment=${environment}`)
  return (body['topology'] as { events: { bus: string } }).events.bus
}
async function command(slug: string, name: string, body: object = {}): Promise<void> {
  await done((await world.request('POST', `/v1/tenants/${slug}/${name}`, body)).body)
}

it('a dedicated tenant is alone on its bus with all its environments, and the next is refused until one is free', async () => {
  const dedicated = { profile: 'st-dedicated' }
  // At once, so that several choose the same.
  const slugs = ['one', 'two', 'three', 'four']
  const answers = await Promise.all(slugs.map((slug) => accept(slug, dedicated)))
  const refusals = answers.filter(({ status }) => status !== 202)
  expect(refusals.map(({ body }) => body['code'])).toEqual(['bus_exhausted', 'bus_exhausted'])
  const tenants = await Promise.all(answers.flatMap(({ status, body }) => (status === 202 ? [done(body)] : [])))
  const [first = '', second = ''] = tenants.map(({ slug }) => slug)
  const buses = await Promise.all([busOf(first), busOf(second)])
  expect(buses.toSorted()).toEqual(['own1', 'own2'])
  for (const [at, { code }] of tenants.entries())
    expect(await world.bus.topicsOf(buses[at] ?? '')).toEqual([`tenant-${code}-prod`])

  const shared = await done((await accept('shared', {})).body)
  expect(await busOf('shared')).toBe('eu-north-bus-1')
  expect(await world.bus.topics()).toContain(`tenant-${shared.code}-prod`)

  const more = { ...dedicated, environments: [{ name: 'prod' }, { name: 'staging' }] }
  await done((await world.request('PUT', `/v1/tenants/${first}`, manifest(first, more))).body)
  expect(await busOf(first, 'staging')).toBe(buses[0])

  const refused = await accept('next', dedicated)
  expect([refused.status, refused.body['code']]).toEqual([409, 'bus_exhausted'])
  expect(refused.body['detail']).toContain('dedicated: true')

  await command(second, 'delete')
  await command(second, 'purge', { confirm: second })
  expect(await world.bus.topicsOf(buses[1] ?? '')).toEqual([])
  await done((await accept('next', dedicated)).body)
  expect(await busOf('next')).toBe(buses[1])
})
