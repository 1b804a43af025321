import { setTimeout as sleep } from 'node:timers/promises'
import { cancellationSignal, CancelledFailure } from '@temporalio/activity'
import { signatureKey } from '../crypto/message-signature.ts'
import { FreeholdError } from '../domain/errors.ts'
import { pauseBefore, type GovernanceEndpoint, type Verdict } from '../domain/governance.ts'
import type { OperationInput } from '../domain/operation.ts'
import { prepareQuestion, recordVerdict, verdictWithoutAnswer } from '../operations/governance.ts'
import type { ActivityDeps } from './deps.ts'
import { callEndpoint, type EndpointCall } from './endpoint-call.ts'
import { callingWorkflow } from './operations.ts'

/**
 * Asks the governance endpoint before an operation begins, with nothing open in the registry meanwhile. Tried again after a
 * crash it asks again, under the same id and nonce, and what was recorded first stays.
 */
export function createGovernanceActivities({
  orm: { pool },
  platform: { governanceEndpoint: endpoint },
  resolveSecret,
}: Pick<ActivityDeps, 'orm' | 'platform' | 'resolveSecret'>) {
  return {
    /** Asks, and records the verdict on the operation; `begin` goes by it. */
    askGovernance: async (input: OperationInput): Promise<void> => {
      const caller = { input, workflow: callingWorkflow() }
      const prepared = await prepareQuestion(pool, caller)
      if (prepared === undefined) return
      // Another worker, which has it, said that it is to be asked.
      if (endpoint === undefined)
        throw new FreeholdError('governance_unavailable', 'the platform file of this worker has no governance endpoint')
      const key = signatureKey(await resolveSecret(endpoint.secret), endpoint.secret)
      const { url, timeoutMs } = endpoint
      const at = Date.parse(prepared.question.at)
      const call = { ...prepared, url, key, timeoutMs, signal: cancellationSignal() }
      await recordVerdict(pool, caller, await askPatiently(endpoint, call, at))
    },
  }
}
export type GovernanceActivities = ReturnType<typeof createGovernanceActivities>

/** Tries until there is an answer, valid or not, or there were as many tries as the platform file says. */
async function askPatiently(
  endpoint: GovernanceEndpoint,
  call: Omit<EndpointCall, 'now'>,
  at: number,
): Promise<Verdict> {
  const started = performance.now()
  for (let attempt = 1; ; attempt += 1) {
    try {
      await sleep(pauseBefore(attempt), undefined, { signal: call.signal })
      const now = Math.floor((at + performance.now() - started) / 1_000)
      return await callEndpoint({ ...call, now })
    } catch (error) {
      if (call.signal.aborted) throw new CancelledFailure('cancelled while the governance endpoint was asked')
      if (!(error instanceof FreeholdError)) throw error
      const { code, message } = error
      const isLast = code === 'governance_answer_invalid' || attempt > endpoint.retries
      if (code !== 'governance_answer_invalid' && code !== 'governance_unavailable') throw error
      if (isLast) return verdictWithoutAnswer(endpoint, { command: call.question.command, code, message })
    }
  }
}
