import { ServiceError, WorkflowFailedError } from '@temporalio/client'
import { ActivityFailure, ApplicationFailure, RetryState, TerminatedFailure, TimeoutFailure } from '@temporalio/common'
import { expect, test } from 'vitest'
import { toApplicationFailure } from '../../../activities/failure.ts'
import { lookFailure } from '../../../base/look-failure.ts'
import { FreeholdError } from '../../../domain/errors.ts'

const ofWorkflow = (cause: Error) => new WorkflowFailedError('Workflow execution failed', cause, RetryState.TIMEOUT)
const ofActivity = (cause: Error) =>
  ofWorkflow(
    new ActivityFailure('Activity task failed', 'observeTenant', '1', RetryState.NON_RETRYABLE_FAILURE, 'w', cause),
  )
const timedOut = new TimeoutFailure('timed out', undefined, 'SCHEDULE_TO_CLOSE')

test('who looked and failed is told as it is, details included', () => {
  const details = [{ path: 'spec.plan', message: 'no such plan' }]
  const failure = toApplicationFailure(new FreeholdError('plan_not_configured', 'no plan of this name', { details }))
  expect(lookFailure(ofActivity(failure), 25)).toMatchObject({
    code: 'plan_not_configured',
    message: 'no plan of this name',
    details,
  })
})

test('a time out, and nothing else of a workflow, is a worker that does not run', () => {
  for (const error of [ofWorkflow(timedOut), ofActivity(timedOut)])
    expect(lookFailure(error, 25)).toMatchObject({ code: 'not_ready', message: expect.stringContaining('within 25 s') })
  const others = [
    ofWorkflow(new TerminatedFailure('by hand')),
    ofActivity(toApplicationFailure(new Error('boom'))),
    ofActivity(ApplicationFailure.create({ type: 'toString', message: 'no code of ours' })),
    new Error('boom'),
  ]
  for (const error of others) expect(lookFailure(error, 25)).toBe(error)
})

test('a Temporal that does not answer is said to be one', () => {
  const refused = (code: number) =>
    new ServiceError('no', { cause: Object.assign(new Error('no'), { code, details: '', metadata: {} }) })
  expect(lookFailure(refused(14), 25)).toMatchObject({
    code: 'not_ready',
    message: expect.stringContaining('Temporal does not answer'),
  })
  const denied = refused(7)
  expect(lookFailure(denied, 25)).toBe(denied)
})
