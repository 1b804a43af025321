import { afterAll, beforeAll, expect, it } from 'vitest'
import { gate, openStage, passesAfter, refuses, steps, type Stage } from './stage.ts'

/** What fails for good in an operation that can be undone. */
let stage: Stage
beforeAll(async () => {
  stage = await openStage()
  await stage.raise()
})
afterAll(() => stage.close())

const plan = steps({
  'ensure prod/secrets': [],
  'ensure prod/1/database': ['prod/secrets'],
  'ensure prod/topic': ['prod/secrets'],
  'migrate prod/1/database/schema': ['prod/1/database'],
})
const undo = steps({
  'remove prod/1/database': [],
  'remove prod/topic': [],
  'remove prod/secrets': ['prod/1/database', 'prod/topic'],
})
const undone = ['beginUndo', ['remove prod/1/database', 'remove prod/topic'], 'remove prod/secrets', 'settle failed']
const wave = ['begin', 'ensure prod/secrets', ['ensure prod/1/database', 'ensure prod/topic']]
const made = [...wave, 'migrate prod/1/database/schema']
const broken = { code: 'migration_failed', message: 'line 3 is wrong' } as const

it('what was made is undone, last first, and the error names its step', async () => {
  const answers = { 'migrate prod/1/database/schema': refuses(broken.code, broken.message) }
  const play = await stage.play('provision', { steps: plan, undo, answers })
  expect(await play.ended()).toEqual({ status: 'failed', ...broken })
  expect(play.called(...made, ...undone)).toEqual([...made, ...undone])
  const error = { ...broken, step: 'prod/1/database/schema' }
  expect(play.settled()).toEqual({ input: play.input, outcome: 'failed', error })
})

it('what runs beside a step that fails ends before anything is undone', async () => {
  const slow = gate()
  const answers = { 'ensure prod/1/database': refuses('cell_exhausted', 'full'), 'ensure prod/topic': slow.opens }
  const play = await stage.play('provision', { steps: plan, undo, answers })
  await play.knows('prod/1/database', 'failed')
  await play.knows('prod/topic', 'running')
  expect(play.called(...wave)).toEqual(wave)
  slow.open()
  expect(await play.ended()).toEqual({ status: 'failed', code: 'cell_exhausted', message: 'full' })
  expect(play.called(...wave, ...undone)).toEqual([...wave, ...undone])
})

it('an undo that fails is told as unresolved with what waits for it, and the others are undone', async () => {
  const answers = {
    'migrate prod/1/database/schema': refuses(broken.code, broken.message),
    'remove prod/1/database': refuses('resource_not_owned', 'of somebody else'),
  }
  const play = await stage.play('provision', { steps: plan, undo, answers })
  expect(await play.ended()).toEqual({ status: 'failed', ...broken })
  const undoing = ['beginUndo', ['remove prod/1/database', 'remove prod/topic'], 'settle failed']
  expect(play.called(...made, ...undoing)).toEqual([...made, ...undoing])
  const unresolved = ['prod/1/database', 'prod/secrets']
  const error = { ...broken, step: 'prod/1/database/schema', unresolved }
  expect(play.settled()).toMatchObject({ outcome: 'failed', error })
})

it('a beginning that fails for good is undone too: an earlier attempt may have made something', async () => {
  const answers = { begin: refuses('transition_not_allowed', 'it is suspended') }
  const play = await stage.play('provision', { undo, answers })
  expect(await play.ended()).toEqual({ status: 'failed', code: 'transition_not_allowed', message: 'it is suspended' })
  expect(play.called('begin', ...undone)).toEqual(['begin', ...undone])
  expect(play.settled()).toMatchObject({ error: { code: 'transition_not_allowed', message: 'it is suspended' } })
})

it('a workflow that is refused everything settles nothing', async () => {
  const refused = refuses('step_refused', 'it is not the workflow of this operation')
  const play = await stage.play('provision', { answers: { begin: refused, beginUndo: refused } })
  await expect(play.handle.result()).rejects.toThrow('Workflow execution failed')
  expect(play.called()).toEqual(['begin', 'beginUndo'])
})

it('a failure of what another attempt has taken over, or what is settled, is no failure of the workflow', async () => {
  const answers = { 'ensure prod/secrets': refuses('operation_superseded', 'it is settled'), beginUndo: () => null }
  const play = await stage.play('provision', { steps: plan, answers })
  expect(await play.ended()).toEqual({ status: 'completed' })
  expect(play.called()).toEqual(['begin', 'ensure prod/secrets', 'beginUndo'])
})

it('an error of no known code is told as internal, without its type', async () => {
  const answers = { 'ensure prod/secrets': refuses('nobody_knows' as 'internal', 'what is this') }
  const play = await stage.play('provision', { steps: plan, answers })
  expect(await play.ended()).toMatchObject({ status: 'failed', code: 'internal' })
})

it('what may pass is tried again, also while undoing', async () => {
  const answers = {
    begin: passesAfterWith(2, { proceed: 'forward', slug: 'acme', steps: plan }),
    'ensure prod/1/database': passesAfter(3),
    'migrate prod/1/database/schema': refuses(broken.code, broken.message),
    'remove prod/topic': passesAfter(4),
  }
  const play = await stage.play('provision', { steps: plan, undo, answers })
  expect(await play.ended()).toEqual({ status: 'failed', ...broken })
  const tries = (name: string) => play.calls.filter((call) => call.name === name).length
  expect(['begin', 'ensure prod/1/database', 'remove prod/topic'].map(tries)).toEqual([3, 4, 5])
  expect(play.settled()).toMatchObject({ error: { ...broken, step: 'prod/1/database/schema' } })
})

function passesAfterWith(tries: number, answer: unknown) {
  return (attempt: number) => passesAfter(tries)(attempt) ?? answer
}
