import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ActivityDeps } from '../../../activities/deps.ts'
import type { OperationInput } from '../../../domain/operation.ts'
import { sqlOf } from '../../../registry/pool.ts'
import { activitiesOf } from '../../support/activity.ts'
import { deny, openGovernance, type Governance } from '../../support/governance.ts'
import { testTiming } from '../../support/timing.ts'
import { createWorld, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'

/** Asking is an activity: it may run twice, for an old attempt, or for somebody whose operation it is not. */
let world: World
let governance: Governance
beforeAll(async () => {
  governance = await openGovernance('timeoutMs: 1000, retries: 0')
  await governance.up()
  world = await createWorld(governance.world)
})
afterAll(async () => {
  await world.close()
  await governance.down()
})

let applied: { tenant: SeenTenant; operation: SeenOperation }
let count = 0
beforeEach(async () => {
  applied = await world.apply(`asking-${(count += 1)}`)
})
const input = (change: Partial<OperationInput> = {}): OperationInput => {
  const { tenant, operation } = applied
  return { operationId: operation.id, tenantId: tenant.id, generation: 1, attempt: 1, timing: testTiming, ...change }
}
const of = (deps: Partial<ActivityDeps> = {}, kind: 'provision' | 'purge' = 'provision') =>
  activitiesOf({ ...world.deps, ...deps }, kind)
const asked = () => governance.askedOf(applied.tenant.slug).length
const row = async () => {
  const [found] = await sqlOf(world.deps.orm.pool)({
    text: 'select state, phase, revision, steps, verdict from operations where id = $1',
    values: [applied.operation.id],
  })
  return found
}

describe('asking the governance endpoint', () => {
  it('is what begin says, and changes nothing until then', async () => {
    const before = await row()
    expect(await of().begin(input())).toEqual({
      proceed: 'to-be-judged',
      askMs: 11_000,
      slug: applied.tenant.slug,
      steps: [],
    })
    expect(await row()).toEqual(before)
    await of().askGovernance(input())
    expect(await of().begin(input())).toMatchObject({ proceed: 'forward' })
  })

  it('is done once, and what was recorded first stays', async () => {
    await of().askGovernance(input())
    const first = await row()
    governance.behave(applied.tenant.slug, deny)
    await of().askGovernance(input())
    expect([await row(), asked()]).toEqual([first, 1])
  })

  it('is done for nobody whose operation it is not, and for no attempt of before', async () => {
    const before = await row()
    await expect(of({}, 'purge').askGovernance(input())).rejects.toMatchObject({ code: 'step_refused' })
    await expect(of().askGovernance(input({ tenantId: crypto.randomUUID() }))).rejects.toMatchObject({
      code: 'step_refused',
    })
    await of().askGovernance(input({ attempt: 2 }))
    expect([await row(), asked()]).toEqual([before, 0])
  })

  it('is done for nothing that has begun', async () => {
    await of().askGovernance(input())
    await of().begin(input())
    await sqlOf(world.deps.orm.pool)({
      text: 'update operations set verdict = null where id = $1',
      values: [applied.operation.id],
    })
    governance.behave(applied.tenant.slug, deny)
    await of().askGovernance(input())
    expect([await row(), asked()]).toMatchObject([{ state: 'running', verdict: null }, 1])
  })

  it('is left to another worker by one whose platform file has no endpoint', async () => {
    const platform = { ...world.deps.platform, governanceEndpoint: undefined }
    await expect(of({ platform }).askGovernance(input())).rejects.toMatchObject({
      code: 'governance_unavailable',
      retry: true,
    })
    expect(await row()).toMatchObject({ verdict: null })
  })

  it('by a secret that cannot be read ends nothing and asks nobody', async () => {
    const resolveSecret = async () => 'short'
    await expect(of({ resolveSecret }).askGovernance(input())).rejects.toMatchObject({ code: 'configuration_invalid' })
    expect([await row(), asked()]).toMatchObject([{ verdict: null }, 0])
  })
})
