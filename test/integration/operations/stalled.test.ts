import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ActivityDeps } from '../../../activities/deps.ts'
import type { OperationInput, OperationKind, StepAction } from '../../../domain/operation.ts'
import { strategyKinds } from '../../../domain/resources.ts'
import type { TenantSecrets } from '../../../isolation/mapper.ts'
import { createTopicMapper } from '../../../isolation/mappers/topic/mapper.ts'
import { sqlOf } from '../../../registry/pool.ts'
import { activitiesOf } from '../../support/activity.ts'
import { everyRow } from '../../support/every-row.ts'
import { nothing, remainsOf, whole } from '../../support/remains.ts'
import { testTiming, tries } from '../../support/timing.ts'
import { aroundVerbs } from '../../support/verbs.ts'
import { createWorld, manifest, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'

/** When the first try wakes: while the second works, when that has finished, and when the operation has ended. */
const moments = ['while the second works', 'after the second', 'after the end'] as const
const keys = ['secrets', '1/database', 'object-store', 'runtime', '1/network', 'topic'].map((key) => `prod/${key}`)
const keyOf = (kind: string) => keys.find((key) => key.endsWith(`/${kind}`)) ?? ''
type Case = { action: StepAction; step: string; kind: OperationKind }
const cases: Case[] = [
  ...strategyKinds.map((kind) => ({ action: 'ensure' as const, step: keyOf(kind), kind: 'provision' as const })),
  { action: 'migrate', step: 'prod/1/database/schema', kind: 'provision' },
  ...strategyKinds.map((kind) => ({ action: 'remove' as const, step: keyOf(kind), kind: 'purge' as const })),
  ...['database', 'topic'].map((kind) => ({
    action: 'rotate' as const,
    step: keyOf(kind),
    kind: 'rotate-credentials' as const,
  })),
]
const seeds = [1, 2]

/** Numbers below a bound, always the same ones for a seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Two tries of one step alive: the first stalls inside of its mapper, wakes late, and has no effect any more. */
describe.concurrent.for(seeds)('two tries of one step, seed %i', (seed) => {
  let world: World
  beforeAll(async () => {
    world = await createWorld()
  })
  afterAll(() => world.close())

  const sql = (text: string, values: unknown[]) => sqlOf(world.deps.orm.pool)({ text, values })

  it.for(cases.flatMap((one, index) => moments.map((moment, turn) => ({ ...one, moment, turn: index * 3 + turn }))))(
    '$action $step wakes $moment',
    async ({ action, step, kind, moment, turn }) => {
      const pick = numbers(seed * 1_000 + turn)
      const point = pick(6)
      const sleeps = pick(2) === 0
      const byNextAttempt = pick(2) === 0
      const succeeds = kind !== 'provision' || pick(2) === 0
      const how = { point, sleeps, byNextAttempt, succeeds }
      const slug = `stalled-${turn}`
      const begun = await prepare(slug, kind, action)
      const { tenant } = begun
      let { input } = begun

      // The first, which notices that its claim is lost, or sleeps through it.
      const traceless = leavesNoTrace(how, step, action, moment)
      const notices = !sleeps || traceless
      const stalled = stallAt(traceless ? 0 : point)
      const heartbeatMs = notices ? 1_000 : 60_000
      const first = { ...input, timing: { ...input.timing, heartbeatMs } }
      const firstEnds = activitiesOf({ ...world.deps, mappers: stalled.mappers }, kind)
        [action]({ input: first, step })
        .then(
          () => 'done',
          (error: { type?: string; code?: string }) => error.type ?? error.code,
        )
      await stalled.reached
      if (byNextAttempt) input = await nextAttempt(slug, tenant, kind, input, { step, notices })

      const second = stallAt(moment === 'while the second works' ? 0 : 1_000)
      const secondEnds = activitiesOf({ ...world.deps, mappers: second.mappers }, kind)[action]({ input, step })
      const seen = () => (moment === 'while the second works' ? second.reached : everything(tenant))
      if (moment !== 'while the second works') {
        second.wake()
        await secondEnds
      }
      if (moment === 'after the end') await end(input, kind, succeeds)
      // A busy machine looks at the lease late.
      if (traceless) await firstEnds
      const before = await seen()
      stalled.wake()
      expect(await firstEnds, `seed ${seed}: ${JSON.stringify(how)}`).toBe('operation_superseded')
      // What is left of a verb that was given up is waited for by nobody.
      await sleep(100)
      expect(await seen(), `seed ${seed}: ${JSON.stringify(how)}`).toEqual(before)
      second.wake()
      await secondEnds
      if (moment !== 'after the end') await end(input, kind, succeeds)
      const left = kind === 'purge' || !succeeds ? nothing : whole(tenant)
      expect(await remainsOf(world, tenant), `seed ${seed}: ${JSON.stringify(how)}`).toEqual(left)
    },
  )

  /**
   * A file or a topic that was removed leaves nothing that a fence could be compared with; there it is the lease that stops
   * who is late, which a process that slept looks at before all else: so the first one notices.
   */
  function leavesNoTrace(
    { succeeds, sleeps }: { succeeds: boolean; sleeps: boolean },
    step: string,
    action: StepAction,
    moment: string,
  ): boolean {
    const forgets = ['prod/1/network', 'prod/object-store', 'prod/topic'].includes(step)
    return sleeps && forgets && action === 'ensure' && moment === 'after the end' && !succeeds
  }

  /** Mappers in which the verb stops at its n-th point: before it, at a call that it makes, or after it. */
  function stallAt(point: number) {
    const reached = Promise.withResolvers<undefined>()
    const woken = Promise.withResolvers<undefined>()
    let passed = 0
    const pass = async () => {
      passed += 1
      if (passed !== point + 1) return
      reached.resolve(undefined)
      await woken.promise
    }
    const topic = createTopicMapper(async (bus, work, signal) => {
      await pass()
      return world.deps.manageBus(bus, work, signal)
    })
    const mappers = aroundVerbs({ ...world.deps.mappers, topic }, async ({ target }, run) => {
      await pass()
      const result = await run({ ...target, secrets: passing(target.secrets, pass) })
      passed = Math.max(passed, point)
      await pass()
      return result
    }) satisfies ActivityDeps['mappers']
    return { mappers, reached: reached.promise, wake: () => woken.resolve(undefined) }
  }

  const quiet = () => world.api({ starter: { ...world.starter, start: async () => {}, cancel: async () => {} } })
  const command = async (method: string, path: string, body: object) => {
    const answer = await world.request(method, path, body, {}, quiet())
    if (answer.status !== 202) throw new Error(JSON.stringify(answer.body))
    return answer.body as unknown as { tenant: SeenTenant; operation: SeenOperation }
  }

  /** A tenant with an operation of this kind that was begun, and all that the step needs made. */
  async function prepare(slug: string, kind: OperationKind, action: StepAction) {
    const { tenant, operation } = await command('POST', '/v1/tenants', manifest(slug))
    const provision = inputOf(operation.id, tenant, 1)
    await activitiesOf(world.deps, 'provision').begin(provision)
    if (kind === 'provision') {
      if (action === 'migrate')
        await activitiesOf(world.deps, kind).ensure({ input: provision, step: 'prod/1/database' })
      return { tenant, input: provision }
    }
    await end(provision, 'provision', true)
    if (kind === 'purge') await sql(`update tenants set state = 'soft-deleted' where id = $1`, [tenant.id])
    const next =
      kind === 'purge'
        ? await command('POST', `/v1/tenants/${slug}/purge`, { confirm: slug })
        : await command('POST', `/v1/tenants/${slug}/credentials`, { rotate: true })
    const input = inputOf(next.operation.id, tenant, 1)
    await activitiesOf(world.deps, kind).begin(input)
    return { tenant, input }
  }

  const inputOf = (operationId: string, { id }: SeenTenant, attempt: number): OperationInput => ({
    operationId,
    tenantId: id,
    generation: 1,
    attempt,
    timing: {
      ...testTiming,
      tryMs: tries(30_000),
    },
  })

  /** The workflow was lost, an operator retried, and the lease of the first has run out. */
  async function nextAttempt(
    slug: string,
    tenant: SeenTenant,
    kind: OperationKind,
    { operationId }: OperationInput,
    { step, notices }: { step: string; notices: boolean },
  ) {
    await sql(`update operations set state = 'interrupted' where id = $1`, [operationId])
    await command('POST', `/v1/tenants/${slug}/retry`, {})
    const input = inputOf(operationId, tenant, 2)
    await activitiesOf(world.deps, kind).begin(input)
    // One that is awake would renew it at once.
    await sql(
      `update resources set claimed_until = case when $3 then null else now() - interval '1 second' end
       where tenant_id = $1 and key = $2`,
      [tenant.id, step.replace('/schema', ''), notices],
    )
    return input
  }

  /** Carries out what is left and settles; or aborts, undoes and settles. */
  async function end(input: OperationInput, kind: OperationKind, succeeds: boolean): Promise<void> {
    const activities = activitiesOf(world.deps, kind)
    if (!succeeds) {
      const { beginUndo, remove, settle } = activities
      for (const { key } of (await beginUndo(input)) ?? []) await remove({ input, step: key })
      await settle({ input, outcome: 'aborted' })
      return
    }
    const { steps } = await activities.begin(input)
    const inOrder = [
      ...steps.filter(({ key }) => key !== 'prod/secrets'),
      ...steps.filter(({ key }) => key === 'prod/secrets'),
    ]
    for (const { key, action } of inOrder) await activities[action]({ input, step: key })
    await activities.settle({ input, outcome: 'succeeded' })
  }

  /** Everything there is of a tenant: rows of the registry and of the tenants' database, topics, folders. */
  async function everything(tenant: SeenTenant) {
    const rows = async (database: 'registry' | 'warehouse') =>
      (await everyRow(world.adminUrl(database), `t_${tenant.code}_%`))
        .split('\n')
        .filter((row) => row.includes(tenant.id) || row.includes(tenant.code))
    const [registry, warehouse, remains] = [
      await rows('registry'),
      await rows('warehouse'),
      await remainsOf(world, tenant),
    ]
    return { registry: registry.toSorted(), warehouse: warehouse.toSorted(), remains }
  }
})

/** Secrets that pass a point before each call. */
function passing(secrets: TenantSecrets, pass: () => Promise<void>): TenantSecrets {
  return {
    read: (name) => pass().then(() => secrets.read(name)),
    readOrCreate: (name, make) => pass().then(() => secrets.readOrCreate(name, make)),
    replace: (name, value) => pass().then(() => secrets.replace(name, value)),
    list: (prefix) => pass().then(() => secrets.list(prefix)),
    destroy: (prefix) => pass().then(() => secrets.destroy(prefix)),
  }
}
