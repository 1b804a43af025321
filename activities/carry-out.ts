import { activityInfo, ApplicationFailure, CancelledFailure } from '@temporalio/activity'
import { errorText, FreeholdError } from '../domain/errors.ts'
import { lifecycle } from '../domain/lifecycle.ts'
import type { OperationInput, StepAction } from '../domain/operation.ts'
import type { Mapper, Target } from '../isolation/mapper.ts'
import { claimStep, type Claim } from '../operations/claim.ts'
import {
  finishAbsent,
  finishStep,
  releaseClaim,
  superseded,
  type Finished,
  type Refused,
} from '../operations/finish.ts'
import { sqlOf } from '../registry/pool.ts'
import { isConflict, isHeldUp } from '../registry/unavailable.ts'
import type { ActivityDeps } from './deps.ts'
import { toApplicationFailure } from './failure.ts'
import { actMs, holdLease } from './lease.ts'
import { callingWorkflow } from './operations.ts'
import { targetOf } from './target.ts'

export type StepInput = { readonly input: OperationInput; readonly step: string }
type Act = (mapper: Mapper, target: Target, claim: Claim) => Promise<Finished>

/** Tries in a row that fail before an operation that only goes forward asks for attention. */
const refusalsBeforeAttention = 3
/** How often it is asked whether it is time. */
const lookAgainMs = 1_000

/**
 * One try of a step: claim, act, finish. Nothing is open in the registry while the world is called, and a try whose claim
 * was lost records nothing.
 */
export async function carryOut(deps: ActivityDeps, action: StepAction, given: StepInput, act: Act): Promise<void> {
  const sql = sqlOf(deps.orm.pool)
  const { input, step } = given
  const asked = performance.now()
  const claim = await claimStep(sql, { input, action, step, workflow: callingWorkflow() }).catch((error: unknown) => {
    throw unforeseen(error, input)
  })
  if (claim === 'done') return
  if (claim === 'absent') return finishAbsent(sql, input, step)
  const lease = holdLease(sql, claim, input.timing, asked)
  try {
    const isClosed = claim.suspended || claim.step.isBornClosed === true
    const birth = claim.step.isStandby === true ? 'standby' : isClosed ? 'suspended' : 'active'
    const target = await targetOf(deps, { ...claim, birth }, actMs(input.timing.tryMs[claim.step.action]), lease.signal)
    const mapper: Mapper = deps.mappers[claim.spec.kind]
    // A mapper that hangs in spite of the signal is left alone: its slot is free, and its fence is behind.
    const finished = await lease.race(act(mapper, target, claim))
    await finishStep(deps.orm.pool, claim, finished)
  } catch (error) {
    throw await failed(deps, given, claim, lease.reason() ?? error)
  } finally {
    lease.end()
  }
}

/** An error that nobody foresaw, while claiming, is a bug: after some tries it ends the operation, so that somebody sees it. */
function unforeseen(error: unknown, { timing }: OperationInput): unknown {
  const isForeseen = error instanceof FreeholdError || isHeldUp(error) || isConflict(error)
  if (isForeseen || activityInfo().attempt < timing.maximumAttempts) return error
  const { message } = toApplicationFailure(error)
  return ApplicationFailure.create({ message, type: 'internal', nonRetryable: true })
}

/**
 * Gives the claim back and says what is to be told of a try that failed. Whether the operation gives up is decided here:
 * what the world refuses counts, and what comes from the registry, from a lost claim or from a stop of the worker does not.
 */
async function failed(deps: ActivityDeps, { input }: StepInput, claim: Claim, error: unknown): Promise<Error> {
  if (error instanceof CancelledFailure) {
    await released(deps, claim)
    return error
  }
  const failure = toApplicationFailure(error)
  const code = error instanceof FreeholdError ? error.code : 'internal'
  if (code === 'registry_unavailable') {
    await released(deps, claim)
    return failure
  }
  if (code === 'move_waiting') {
    // Nobody has refused anything: it is not time yet.
    await released(deps, claim)
    return ApplicationFailure.create({ message: failure.message, type: code, nextRetryDelay: lookAgainMs })
  }
  const failures = claim.failures + 1
  const goesForward = lifecycle[claim.kind].cannotFinish === 'goes-forward' || claim.step.inForce === true
  const mayPass = failure.nonRetryable !== true || code === 'operation_superseded'
  const givesUp = !mayPass || (!goesForward && failures >= input.timing.maximumAttempts)
  const isOurs = await released(deps, claim, {
    error: { code, message: failure.message, step: claim.step.key },
    attention: goesForward && failures >= refusalsBeforeAttention,
    // An undo of the same resource begins to count anew.
    failures: givesUp ? 0 : failures,
  })
  // Whatever the world said to one who came late, it is not what became of the step.
  const { message } = isOurs ? failure : superseded(claim)
  return ApplicationFailure.create({
    message,
    type: isOurs ? code : 'operation_superseded',
    // A claim may be lost to a try that Temporal gave up long ago: whether there is something to do, the next claim finds out.
    nonRetryable: isOurs && givesUp,
  })
}

/** Gives a claim back; false when another has it. One that cannot be given back runs out by itself. */
async function released(deps: ActivityDeps, claim: Claim, refused?: Refused): Promise<boolean> {
  try {
    return await releaseClaim(sqlOf(deps.orm.pool), claim, refused)
  } catch (error) {
    if (error instanceof FreeholdError && error.code === 'registry_unavailable') return true
    throw new Error(`a claim was not given back: ${errorText(error)}`, { cause: error })
  }
}
