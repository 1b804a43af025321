import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { OperationKind } from '../../domain/operation.ts'
import { openStage, passesAfter, steps, untilCancelled, type Answer, type Stage } from './stage.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
  await stage.raise()
})
afterAll(() => stage.close())

const toBeJudged = { proceed: 'to-be-judged', askMs: 20_000, slug: 'acme', steps: [] }
const error = { code: 'policy_denied', message: 'not in this region' } as const

/** What begin says, one call after the other. */
function inTurn(...answers: object[]): Answer {
  let call = 0
  return () => answers[call++]
}

/** The governance endpoint is asked before anything begins, whatever becomes of the operation later. */
describe.each<{ kind: OperationKind; step: string }>([
  { kind: 'provision', step: 'ensure prod/secrets' },
  { kind: 'purge', step: 'remove prod/secrets' },
])('$kind', ({ kind, step }) => {
  const forward = { proceed: 'forward', slug: 'acme', steps: steps({ [step]: [] }) }

  it('is asked about between two calls of begin, and goes on', async () => {
    const play = await stage.play(kind, {
      answers: { begin: inTurn(toBeJudged, forward), askGovernance: passesAfter(2) },
    })
    expect(await play.ended()).toEqual({ status: 'completed' })
    const ask = 'askGovernance'
    expect(play.called()).toEqual(['begin', ask, ask, ask, 'begin', step, 'settle succeeded'])
  })

  it('ends failed when it is denied, and undoes nothing', async () => {
    const begin = inTurn(toBeJudged, { proceed: 'denied', error, slug: 'acme', steps: [] })
    const play = await stage.play(kind, { answers: { begin } })
    expect(await play.ended()).toEqual({ status: 'failed', ...error })
    expect(play.called()).toEqual(['begin', 'askGovernance', 'begin', 'settle failed'])
    expect(play.settled()).toEqual({ input: play.input, outcome: 'failed', error })
  })

  it('is not asked about when begin does not say so', async () => {
    const play = await stage.play(kind, { answers: { begin: inTurn(forward) } })
    expect(await play.ended()).toEqual({ status: 'completed' })
    expect(play.called()).toEqual(['begin', step, 'settle succeeded'])
  })
})

it('an abort while it is asked ends a provision, and does not wait for the answer', async () => {
  const answers = { begin: inTurn(toBeJudged), askGovernance: untilCancelled() }
  const play = await stage.play('provision', { answers })
  await play.reached('askGovernance')
  await play.handle.cancel()
  expect(await play.ended()).toEqual({ status: 'cancelled' })
  expect(play.called()).toEqual(['begin', 'askGovernance', 'beginUndo', 'settle aborted'])
})
