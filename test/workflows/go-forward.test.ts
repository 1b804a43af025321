import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { gate, openStage, passesAfter, refuses, steps, type Stage } from './stage.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
  await stage.raise()
})
afterAll(() => stage.close())

/** What never rolls back, whatever happens to it. */
describe.each([
  {
    kind: 'rotate-credentials' as const,
    plan: { 'rotate prod/1/database': [], 'rotate prod/topic': [] },
    wave: ['rotate prod/1/database', 'rotate prod/topic'],
    last: [],
  },
  {
    kind: 'purge' as const,
    plan: { 'remove prod/1/database': [], 'remove prod/topic': [], 'remove prod/secrets': ['prod/1/database'] },
    wave: ['remove prod/1/database', 'remove prod/topic'],
    last: ['remove prod/secrets'],
  },
])('$kind', ({ kind, plan, wave, last }) => {
  const [first = ''] = wave
  const script = { steps: steps(plan) }

  it('carries out its steps and settles', async () => {
    const play = await stage.play(kind, script)
    expect(await play.ended()).toEqual({ status: 'completed' })
    const expected = ['begin', wave, ...last, 'settle succeeded']
    expect(play.called(...expected)).toEqual(expected)
  })

  it('tries what may pass more often than anything that can be undone', async () => {
    const play = await stage.play(kind, { ...script, answers: { [first]: passesAfter(12) } })
    expect(await play.ended()).toEqual({ status: 'completed' })
    expect(play.calls.filter(({ name }) => name === first)).toHaveLength(13)
    expect(play.settled()).toMatchObject({ outcome: 'succeeded' })
  })

  it('is stalled by what cannot pass, once what runs beside it has ended, and undoes nothing', async () => {
    const slow = gate()
    const answers = { [first]: refuses('resource_not_owned', 'of somebody else'), [wave[1] ?? '']: slow.opens }
    const play = await stage.play(kind, { ...script, answers })
    await play.knows('prod/1/database', 'failed')
    expect(play.called('begin', wave)).toEqual(['begin', wave])
    slow.open()
    const refused = { code: 'resource_not_owned', message: 'of somebody else' }
    expect(await play.ended()).toEqual({ status: 'failed', ...refused })
    expect(play.called('begin', wave, 'settle stalled')).toEqual(['begin', wave, 'settle stalled'])
    const error = { ...refused, step: 'prod/1/database' }
    expect(play.settled()).toEqual({ input: play.input, outcome: 'stalled', error })
  })

  it('is stalled when it cannot begin, and when its success is refused', async () => {
    const refused = refuses('step_refused', 'not all is done')
    for (const at of ['begin', 'settle succeeded']) {
      const play = await stage.play(kind, { answers: { [at]: refused } })
      expect(await play.ended()).toEqual({ status: 'failed', code: 'step_refused', message: 'not all is done' })
      expect(play.settled()).toMatchObject({ outcome: 'stalled', error: { code: 'step_refused' } })
      expect(play.called().at(-2)).toBe(at)
    }
  })

  it('does not heed a cancel', async () => {
    const slow = gate()
    const play = await stage.play(kind, { ...script, answers: { [first]: slow.opens } })
    await play.reached(first)
    await play.handle.cancel()
    slow.open()
    expect(await play.ended()).toEqual({ status: 'completed' })
    const expected = ['begin', wave, ...last, 'settle succeeded']
    expect(play.called(...expected)).toEqual(expected)
  })
})

/** A rotation that an operator gives up: it ends before its next step, or instead of its success. */
describe('a rotation that is given up', () => {
  const script = { steps: steps({ 'rotate prod/1/database': [], 'rotate prod/topic': [] }) }
  const error = { code: 'operation_aborted', message: 'given up on request; what was done stays done' }

  it('ends aborted when a step is told so, once what runs beside it has ended', async () => {
    const told = refuses('operation_aborted', 'it is to be undone')
    const play = await stage.play('rotate-credentials', { ...script, answers: { 'rotate prod/topic': told } })
    expect(await play.ended()).toEqual({ status: 'cancelled' })
    expect(play.settled()).toEqual({ input: play.input, outcome: 'aborted', error })
  })

  it('ends aborted when that was accepted before its success', async () => {
    const answers = { 'settle succeeded': () => 'to-be-undone' }
    const play = await stage.play('rotate-credentials', { ...script, answers })
    expect(await play.ended()).toEqual({ status: 'cancelled' })
    expect(play.settled()).toEqual({ input: play.input, outcome: 'aborted', error })
  })
})
