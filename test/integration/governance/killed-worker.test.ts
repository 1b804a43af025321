import { afterAll, beforeAll, expect, it } from 'vitest'
import { allow, openGovernance, type Governance } from '../../support/governance.ts'
import { eventCounts, remainsOf, whole } from '../../support/remains.ts'
import { killed, startWorkerProcess } from '../../support/worker-process.ts'
import { createWorld, type World } from '../../support/world.ts'

/** A worker killed around and in the middle of asking: another one asks again, and the operation begins once. */
let world: World
let governance: Governance
beforeAll(async () => {
  governance = await openGovernance('timeoutMs: 20000, retries: 0')
  await governance.up()
  world = await createWorld(governance.world)
})
afterAll(async () => {
  await world.close()
  await governance.down()
})

it('takes up what was asked, and what was not', { timeout: 120_000 }, async () => {
  governance.behave('while', (question, { count }) => (count > 1 ? allow(question) : new Promise<never>(() => {})))
  const [before, during, after] = await Promise.all(['before', 'while', 'after'].map((slug) => world.apply(slug)))
  if (before === undefined || during === undefined || after === undefined) throw new Error('three were applied')
  const boundaries = { [before.tenant.id]: 'before askGovernance', [after.tenant.id]: 'after askGovernance' }
  const doomed = startWorkerProcess(world, boundaries)
  let said = ''
  doomed.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const stopped = () => said.split('\n').filter((line) => line.startsWith('stopped')).length
  try {
    await expect.poll(() => [stopped(), governance.askedOf('while').length], { timeout: 60_000 }).toEqual([2, 1])
  } finally {
    await killed(doomed)
  }
  expect(
    (await Promise.all([before, during, after].map(({ operation }) => world.operation(operation.id)))).map(
      ({ state }) => state,
    ),
  ).toEqual(['accepted', 'accepted', 'accepted'])
  await world.worker()
  for (const { operation, tenant } of [before, during, after]) {
    expect(await world.until(operation.id, 'succeeded', 'failed')).toMatchObject({
      state: 'succeeded',
      verdict: { outcome: 'allow' },
    })
    expect(await remainsOf(world, tenant)).toEqual(whole(tenant))
    expect(await eventCounts(world, tenant)).toMatchObject({
      TENANCY_OPERATION_STARTED: 1,
      TENANCY_RESOURCE_CREATED: 6,
    })
  }
  const ids = (slug: string) => governance.askedOf(slug).map(({ id }) => id)
  expect(ids('before')).toEqual([`${before.operation.id}.1`])
  expect(ids('while')).toEqual([`${during.operation.id}.1`, `${during.operation.id}.1`])
  // What was recorded is not asked again.
  expect(ids('after')).toEqual([`${after.operation.id}.1`])
})
