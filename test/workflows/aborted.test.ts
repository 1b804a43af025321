import { afterAll, beforeAll, expect, it } from 'vitest'
import { gate, openStage, refuses, steps, untilCancelled, type Play, type Stage } from './stage.ts'

/** An abort at every point of an operation that can be undone, by the registry's word or by a cancel from outside. */
let stage: Stage
let early: Play
beforeAll(async () => {
  stage = await openStage()
  early = await stage.play('provision', { undo })
  await early.handle.cancel()
  await stage.raise()
})
afterAll(() => stage.close())

const plan = steps({ 'ensure prod/secrets': [], 'ensure prod/1/database': [], 'ensure prod/topic': ['prod/secrets'] })
const undo = steps({ 'remove prod/1/database': [], 'remove prod/secrets': ['prod/1/database'] })
const undone = ['beginUndo', 'remove prod/1/database', 'remove prod/secrets', 'settle aborted']
const firstWave = ['ensure prod/1/database', 'ensure prod/secrets']

/** How a play ended, and how one ends that was aborted after these calls. */
const seen = async (play: Play, ...before: (string | string[])[]) => ({
  ended: await play.ended(),
  called: play.called(...before, ...undone),
  settled: play.settled(),
})
const aborted = ({ input }: Play, ...before: (string | string[])[]) => ({
  ended: { status: 'cancelled' },
  called: [...before, ...undone],
  settled: { input, outcome: 'aborted', error: { code: 'operation_aborted', message: 'undone on request' } },
})

it('cancelled before its first turn', async () => {
  expect(await seen(early)).toEqual(aborted(early))
})

it('told by begin to undo', async () => {
  const answers = { begin: () => ({ proceed: 'compensate', slug: 'acme', steps: [] }) }
  const play = await stage.play('provision', { undo, answers })
  expect(await seen(play, 'begin')).toEqual(aborted(play, 'begin'))
})

it('cancelled in a wave: what heeds it stops, what does not ends first', async () => {
  const slow = gate()
  const answers = { 'ensure prod/1/database': untilCancelled(), 'ensure prod/secrets': slow.opens }
  const play = await stage.play('provision', { steps: plan, undo, answers })
  await Promise.all(firstWave.map((name) => play.reached(name)))
  await play.handle.cancel()
  await play.knows('prod/1/database', 'failed')
  expect(play.called('begin', firstWave)).toEqual(['begin', firstWave])
  slow.open()
  expect(await seen(play, 'begin', firstWave)).toEqual(aborted(play, 'begin', firstWave))
})

it('cancelled in a wave: a step that fails on its way out makes no failure of it', async () => {
  const answers = { 'ensure prod/1/database': untilCancelled({ fails: true }) }
  const play = await stage.play('provision', { steps: plan, undo, answers })
  await play.reached('ensure prod/1/database')
  await play.handle.cancel()
  expect(await seen(play, 'begin', firstWave)).toEqual(aborted(play, 'begin', firstWave))
})

it('cancelled while its last step ends all the same', async () => {
  const slow = gate()
  const play = await stage.play('provision', { steps: plan, undo, answers: { 'ensure prod/topic': slow.opens } })
  await play.reached('ensure prod/topic')
  await play.handle.cancel()
  slow.open()
  expect(await seen(play, 'begin', firstWave, 'ensure prod/topic')).toEqual(
    aborted(play, 'begin', firstWave, 'ensure prod/topic'),
  )
})

it('cancelled while its success is written: it succeeded', async () => {
  const slow = gate()
  const answers = { 'settle succeeded': async () => (await slow.opens(1), 'settled'), beginUndo: () => null }
  const play = await stage.play('provision', { answers })
  await play.reached('settle succeeded')
  await play.handle.cancel()
  slow.open()
  expect(await play.ended()).toEqual({ status: 'completed' })
  expect(play.calls.map(({ name }) => name)).not.toContain('settle aborted')
})

it('told by settle that it has to be undone', async () => {
  const answers = { 'settle succeeded': () => 'to-be-undone' }
  const play = await stage.play('provision', { steps: plan, undo, answers })
  expect(await seen(play, 'begin', firstWave, 'ensure prod/topic', 'settle succeeded')).toEqual(
    aborted(play, 'begin', firstWave, 'ensure prod/topic', 'settle succeeded'),
  )
})

it('told by a step that the operation is to be undone, beside one that fails', async () => {
  const answers = {
    'ensure prod/secrets': refuses('cell_exhausted', 'full'),
    'ensure prod/1/database': refuses('operation_aborted', 'it is to be undone'),
  }
  const play = await stage.play('provision', { steps: plan, undo, answers })
  expect(await seen(play, 'begin', firstWave)).toEqual(aborted(play, 'begin', firstWave))
})

it('cancelled while it is being undone: the undo goes to its end', async () => {
  const slow = gate()
  const answers = {
    'ensure prod/topic': refuses('cell_exhausted', 'full'),
    'remove prod/1/database': slow.opens,
  }
  const play = await stage.play('provision', { steps: plan, undo, answers })
  await play.reached('remove prod/1/database')
  await play.handle.cancel()
  slow.open()
  expect(await play.ended()).toEqual({ status: 'failed', code: 'cell_exhausted', message: 'full' })
  const undoing = ['beginUndo', 'remove prod/1/database', 'remove prod/secrets', 'settle failed']
  const expected = ['begin', firstWave, 'ensure prod/topic', ...undoing]
  expect(play.called(...expected)).toEqual(expected)
})

it('an undo that fails is told with the abort', async () => {
  const answers = {
    begin: () => ({ proceed: 'compensate', slug: 'acme', steps: [] }),
    'remove prod/1/database': refuses('resource_not_owned', 'of somebody else'),
  }
  const play = await stage.play('provision', { undo, answers })
  expect(await play.ended()).toEqual({ status: 'cancelled' })
  const error = { code: 'operation_aborted', unresolved: ['prod/1/database', 'prod/secrets'] }
  expect(play.settled()).toMatchObject({ outcome: 'aborted', error })
})
