import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createActivities } from '../../../activities/index.ts'
import { workflowId, workflowName, type OperationInput, type OperationKind } from '../../../domain/operation.ts'
import { sqlOf } from '../../../registry/pool.ts'
import { activitiesOf, inWorkflow } from '../../support/activity.ts'
import { everyRow } from '../../support/every-row.ts'
import { nothing, remainsOf, whole } from '../../support/remains.ts'
import { testTiming } from '../../support/timing.ts'
import { createWorld, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'

/** What a workflow asks for that is not as it was recorded is refused with its code, and nothing changes. */
let world: World
/** A tenant that is being provisioned, by a workflow that nobody works on; and one that is whole. */
let open: SeenTenant
let operation: SeenOperation
let other: SeenTenant
let input: OperationInput
beforeAll(async () => {
  world = await createWorld()
  const worker = await world.worker()
  const accepted = await world.apply('other')
  other = accepted.tenant
  await world.until(accepted.operation.id, 'succeeded')
  await told()
  await worker.stop()
  operation = await world.applyOn(`${world.name}-nobody`, 'open')
  open = await world.tenant('open')
  input = inputOf(operation.id, open)
  await activitiesOf(world.deps, 'provision').begin(input)
  await activitiesOf(world.deps, 'provision').ensure({ input, step: 'prod/1/database' })
})
afterAll(() => world.close())

const inputOf = (operationId: string, { id }: SeenTenant, attempt = 1): OperationInput => ({
  operationId,
  tenantId: id,
  generation: 1,
  attempt,
  timing: testTiming,
})
const sql = <T extends object>(text: string, values: unknown[] = []) => sqlOf(world.deps.orm.pool)<T>({ text, values })

/** Waits until every event so far was published, so that no row changes by itself. */
async function told(): Promise<void> {
  while ((await sql('select from deliveries where head > cursor or leased_by is not null')).length > 0) await sleep(50)
}

/** All that there is: every row of the registry and of the tenants' database, topics, folders, secrets. */
async function everything(): Promise<unknown> {
  const [registry, warehouse] = await Promise.all([
    everyRow(world.adminUrl('registry')),
    everyRow(world.adminUrl('warehouse')),
  ])
  return { registry, warehouse, open: await remainsOf(world, open), other: await remainsOf(world, other) }
}

/** Every activity as somebody calls it, in a workflow of this id. */
function everyActivity(given: OperationInput, step = 'prod/secrets') {
  const { begin, askGovernance, beginUndo, settle, ensure, migrate, remove, rotate } = createActivities(world.deps)
  const stepped = { input: given, step }
  const on = (workflow: string, run: () => Promise<unknown>) => () => inWorkflow(workflow, run)
  return (workflow: string): Record<string, () => Promise<unknown>> => ({
    begin: on(workflow, () => begin(given)),
    askGovernance: on(workflow, () => askGovernance(given)),
    beginUndo: on(workflow, () => beginUndo(given)),
    'settle as succeeded': on(workflow, () => settle({ input: given, outcome: 'succeeded' })),
    'settle as failed': on(workflow, () => settle({ input: given, outcome: 'failed' })),
    'settle as stalled': on(workflow, () => settle({ input: given, outcome: 'stalled' })),
    ensure: on(workflow, () => ensure(stepped)),
    migrate: on(workflow, () => migrate({ ...stepped, step: 'prod/1/database/schema' })),
    remove: on(workflow, () => remove(stepped)),
    rotate: on(workflow, () => rotate(stepped)),
  })
}

/** Code that a call ends with; `done` when it is not refused. */
async function codeOf(call: () => Promise<unknown>): Promise<string> {
  return call().then(
    () => 'done',
    (error: unknown) => {
      const { code, type } = error as { code?: string; type?: string }
      return code ?? type ?? String(error)
    },
  )
}
async function codesOf(calls: Record<string, () => Promise<unknown>>): Promise<Record<string, string>> {
  const codes: Record<string, string> = {}
  for (const [name, call] of Object.entries(calls)) codes[name] = await codeOf(call)
  return codes
}
const all = (code: string) => Object.fromEntries(Object.keys(everyActivity(input)('')).map((name) => [name, code]))
const own = () => workflowId({ kind: 'provision', id: operation.id, attempt: 1 })

it('a workflow that is not the operation’s is refused by every activity', async () => {
  const before = await everything()
  for (const stranger of ['provision/evil', `${own()}/2`, `purge/${operation.id}`, ''])
    expect(await codesOf(everyActivity(input)(stranger))).toEqual(all('step_refused'))
  expect(await everything()).toEqual(before)
})

it('an operation of another tenant is refused by every activity', async () => {
  const before = await everything()
  expect(await codesOf(everyActivity(inputOf(operation.id, other))(own()))).toEqual(all('step_refused'))
  expect(await everything()).toEqual(before)
})

it('an operation that is not there is refused by every activity', async () => {
  const before = await everything()
  const id = '01900000-0000-7000-8000-000000000000'
  const codes = await codesOf(everyActivity(inputOf(id, open))(`provision/${id}`))
  expect(new Set(Object.values(codes))).toEqual(new Set(['operation_not_found', 'step_refused']))
  expect(await everything()).toEqual(before)
})

it('another attempt than the operation’s changes nothing', async () => {
  const before = await everything()
  const codes = await codesOf(everyActivity({ ...input, attempt: 2 })(`${own()}/2`))
  const steps = ['ensure', 'migrate', 'remove', 'rotate']
  expect(codes).toEqual({
    ...all('done'),
    ...Object.fromEntries(steps.map((name) => [name, 'operation_superseded'])),
  })
  expect(await everything()).toEqual(before)
})

it('a step that is not in the plan, or has another action, is refused', async () => {
  const before = await everything()
  const { ensure, migrate, remove, rotate } = activitiesOf(world.deps, 'provision')
  const calls = [
    () => ensure({ input, step: 'prod/2/database' }),
    () => ensure({ input, step: '' }),
    () => ensure({ input, step: 'prod/1/database/schema' }),
    () => migrate({ input, step: 'prod/1/database' }),
    () => migrate({ input, step: 'prod/topic' }),
    () => remove({ input, step: 'prod/1/database' }),
    () => rotate({ input, step: 'prod/1/database' }),
  ]
  for (const call of calls) expect(await codeOf(call)).toBe('step_refused')
  expect(await everything()).toEqual(before)
})

it('success with steps that are not done is not settled', async () => {
  const before = await everything()
  const { settle } = activitiesOf(world.deps, 'provision')
  expect(await settle({ input, outcome: 'succeeded' })).toBe('to-be-finished')
  expect(await everything()).toEqual(before)
})

it('a spec of an unknown version is refused, by a step forward and by a removal', async () => {
  await sql(`update resources set spec_version = 99 where tenant_id = $1 and key = 'prod/topic'`, [open.id])
  const before = await everything()
  const { ensure } = activitiesOf(world.deps, 'provision')
  expect(await codeOf(() => ensure({ input, step: 'prod/topic' }))).toBe('spec_version_unknown')
  expect(await everything()).toEqual(before)

  await sql(`update resources set spec_version = 2 where tenant_id = $1 and key = 'prod/topic'`, [open.id])
  await sql(`update resources set spec_version = 99 where tenant_id = $1 and key = 'prod/topic'`, [other.id])
  const { id, purging } = await purgeOf(other)
  const planned = await purging.begin(inputOf(id, other))
  expect(planned.steps.map(({ key }) => key)).toContain('prod/topic')
  const begun = await everything()
  const late = { input: inputOf(id, other), step: 'prod/topic' }
  expect(await codeOf(() => purging.remove(late))).toBe('spec_version_unknown')
  expect(await everything()).toEqual(begun)
  await sql(`update resources set spec_version = 2 where tenant_id = $1 and key = 'prod/topic'`, [other.id])
  await sql(`update operations set state = 'failed' where id = $1`, [id])
  await sql(`update tenants set state = 'active' where id = $1`, [other.id])
})

/** A purge that was accepted for a tenant, played by the test. */
async function purgeOf({ id, slug }: SeenTenant) {
  await sql(`update tenants set state = 'soft-deleted' where id = $1`, [id])
  const nobody = world.api({ starter: { ...world.starter, start: async () => {} } })
  const { body } = await world.request('POST', `/v1/tenants/${slug}/purge`, { confirm: slug }, {}, nobody)
  return { id: (body['operation'] as SeenOperation).id, purging: activitiesOf(world.deps, 'purge') }
}

it('a workflow started from outside with the id of an open operation and another tenant, and cancelled, changes neither', async () => {
  const { workflow } = world.client
  const telling = await world.worker()
  await told()
  await telling.stop()
  const before = await everything()
  const kinds: OperationKind[] = ['provision', 'purge', 'rotate-credentials']
  const given = [inputOf(operation.id, other), input, inputOf(operation.id, open, 2)]
  const started = []
  for (const [index, kind] of kinds.entries())
    for (const [turn, args] of given.entries()) {
      const id = `evil-${index}-${turn}`
      started.push(await workflow.start(workflowName(kind), { taskQueue: world.name, workflowId: id, args: [args] }))
      if (turn !== 1) await workflow.getHandle(id).cancel()
    }
  const worker = await world.worker()
  const ends = await Promise.all(started.map((handle) => handle.result().then(String, () => 'failed')))
  expect(ends).toEqual(started.map(() => 'failed'))
  await worker.stop()
  expect(await everything()).toEqual(before)
})

it('an older spec is described anew when an operation begins, and when it is undone: an old tenant stays removable', async () => {
  const age = async ({ id }: SeenTenant) =>
    sql(`update resources set spec_version = 1, spec = jsonb_set(spec, '{properties}', '{}') where tenant_id = $1`, [
      id,
    ])
  await age(open)
  const undoing = activitiesOf(world.deps, 'provision')
  for (const { key } of (await undoing.beginUndo(input)) ?? []) await undoing.remove({ input, step: key })
  expect(await remainsOf(world, open)).toEqual(nothing)

  await age(other)
  expect(await remainsOf(world, other)).toEqual(whole(other))
  const { id, purging } = await purgeOf(other)
  const purge = inputOf(id, other)
  const { steps } = await purging.begin(purge)
  for (const { key } of steps) await purging.remove({ input: purge, step: key })
  await purging.settle({ input: purge, outcome: 'succeeded' })
  expect(await remainsOf(world, other)).toEqual(nothing)
})

it('a claim of a settled operation is refused', async () => {
  await activitiesOf(world.deps, 'provision').settle({ input, outcome: 'aborted' })
  const before = await everything()
  const codes = await codesOf(everyActivity(input)(own()))
  const steps = ['ensure', 'migrate', 'remove', 'rotate']
  expect(codes).toEqual({ ...all('done'), ...Object.fromEntries(steps.map((name) => [name, 'operation_superseded'])) })
  expect(await everything()).toEqual(before)
})
