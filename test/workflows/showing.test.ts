import { afterAll, beforeAll, expect, it } from 'vitest'
import { lifecycle } from '../../domain/lifecycle.ts'
import { kinds } from '../../operations/kinds/index.ts'
import type { OperationKind } from '../../domain/operation.ts'
import { gate, openStage, refuses, steps, type Play, type Stage } from './stage.ts'

/** What people see of a workflow while it runs and after it. */
let stage: Stage
beforeAll(async () => {
  stage = await openStage()
  await stage.raise()
})
afterAll(() => stage.close())

const plan = steps({ 'ensure prod/secrets': [], 'ensure prod/1/database': ['prod/secrets'], 'ensure prod/topic': [] })
const progress = ({ handle }: Play) => handle.query('progress')
const details = async ({ handle }: Play) =>
  (await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata')).currentDetails
const phase = async ({ handle }: Play) => (await handle.describe()).searchAttributes['Phase']

it('progress and details tell what is done, what runs and what waits; then what became of it', async () => {
  const [slow, slower] = [gate(), gate()]
  const answers = {
    'ensure prod/topic': slow.opens,
    'ensure prod/1/database': refuses('cell_exhausted', 'full'),
    'remove prod/secrets': slower.opens,
  }
  const play = await stage.play('provision', { steps: plan, undo: steps({ 'remove prod/secrets': [] }), answers })
  await play.knows('prod/secrets', 'done')
  expect(await progress(play)).toEqual({
    phase: 'resources',
    steps: [
      { key: 'prod/secrets', title: 'title of prod/secrets', state: 'done' },
      { key: 'prod/1/database', title: 'title of prod/1/database', state: 'pending' },
      { key: 'prod/topic', title: 'title of prod/topic', state: 'running' },
    ],
  })
  expect((await details(play)).split('\n')).toEqual([
    '**resources**',
    '',
    '- ✓ title of prod/secrets',
    '- · title of prod/1/database',
    '- … title of prod/topic',
  ])
  expect(await phase(play)).toEqual(['resources'])
  slow.open()
  await play.knows('prod/secrets', 'running')
  expect(await progress(play)).toMatchObject({ phase: 'compensating' })
  expect(await details(play)).toContain('- … title of prod/secrets')
  slower.open()
  await play.ended()
  expect(await progress(play)).toMatchObject({ phase: 'failed', steps: [{ state: 'undone' }] })
  expect(await details(play)).toContain('- ↩ title of prod/secrets')
})

it.each([
  ['done', 'provision', {}],
  ['aborted', 'provision', { begin: () => ({ proceed: 'compensate', slug: 'acme', steps: [] }) }],
  ['failed', 'provision', { 'ensure prod/topic': refuses('cell_exhausted', 'full') }],
  ['done', 'purge', {}],
  ['stalled', 'purge', { 'ensure prod/topic': refuses('cell_exhausted', 'full') }],
] as const)('the phase of what ended is %s: %s', async (told, kind, answers) => {
  const play = await stage.play(kind, { steps: plan, answers })
  await play.ended()
  expect(await progress(play)).toMatchObject({ phase: told })
})

it.each(Object.keys(kinds) as OperationKind[])('%s has the priority of its kind, and says what it is', async (kind) => {
  const play = await stage.play(kind)
  await play.ended()
  const told = await play.handle.describe()
  expect(told.priority).toMatchObject({ priorityKey: lifecycle[kind].urgency })
  expect(await told.staticSummary()).toBe(`${kind} acme`)
})
