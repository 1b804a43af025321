import { afterAll, beforeAll, expect, it } from 'vitest'
import { gate, openStage, passesAfter, refuses, steps, type Stage } from './stage.ts'

/** An update that removes: it rolls back until its manifest is in force, and only goes forward from there. */
let stage: Stage
beforeAll(async () => {
  stage = await openStage()
  await stage.raise()
})
afterAll(() => stage.close())

const inForce = true as const
const removals = steps({ 'freeze old/topic/freeze': [], 'remove old/topic': ['old/topic/freeze'] }).map((step) => ({
  ...step,
  inForce,
}))
const plan = [...steps({ 'ensure new/topic': [] }), ...removals]
const undo = steps({ 'remove new/topic': [] })
const whole = ['begin', 'ensure new/topic', 'putInForce', 'freeze old/topic/freeze', 'remove old/topic']

it('removes once its manifest is in force, and settles', async () => {
  const play = await stage.play('update', { steps: plan })
  expect(await play.ended()).toEqual({ status: 'completed' })
  expect(play.called()).toEqual([...whole, 'settle succeeded'])
})

it('is undone by what fails before, and removes nothing', async () => {
  const answers = { 'ensure new/topic': refuses('migration_failed', 'no') }
  const play = await stage.play('update', { steps: plan, undo, answers })
  expect(await play.ended()).toMatchObject({ status: 'failed', code: 'migration_failed' })
  expect(play.called()).toEqual(['begin', 'ensure new/topic', 'beginUndo', 'remove new/topic', 'settle failed'])
})

it('is undone when an abort was accepted before its manifest was in force', async () => {
  const play = await stage.play('update', { steps: plan, undo, answers: { putInForce: () => 'to-be-undone' } })
  expect(await play.ended()).toEqual({ status: 'cancelled' })
  expect(play.called()).toEqual([...whole.slice(0, 3), 'beginUndo', 'remove new/topic', 'settle aborted'])
})

it('does a step again that the registry does not know to be done, before its manifest is in force', async () => {
  let asked = 0
  const answers = { putInForce: () => ((asked += 1) === 1 ? 'to-be-finished' : 'in-force') }
  const play = await stage.play('update', { steps: plan, answers })
  expect(await play.ended()).toEqual({ status: 'completed' })
  expect(play.called()).toEqual([...whole.slice(0, 3), ...whole.slice(1), 'settle succeeded'])
})

it('is stalled by what cannot pass behind that, and waits for what may', async () => {
  const answers = {
    'freeze old/topic/freeze': passesAfter(7),
    'remove old/topic': refuses('resource_not_owned', 'of somebody else'),
  }
  const play = await stage.play('update', { steps: plan, undo, answers })
  expect(await play.ended()).toMatchObject({ status: 'failed', code: 'resource_not_owned' })
  expect(play.called().slice(-2)).toEqual(['remove old/topic', 'settle stalled'])
  expect(play.called()).not.toContain('beginUndo')
})

it('does not heed a cancel behind that', async () => {
  const slow = gate()
  const play = await stage.play('update', { steps: plan, undo, answers: { 'freeze old/topic/freeze': slow.opens } })
  await play.reached('freeze old/topic/freeze')
  await play.handle.cancel()
  slow.open()
  expect(await play.ended()).toEqual({ status: 'completed' })
  expect(play.called()).toEqual([...whole, 'settle succeeded'])
})
