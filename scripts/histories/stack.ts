import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '@freehold/sdk'
import { cancellationSignal } from '@temporalio/activity'
import { serveApi } from '../../api/compose.ts'
import type { Closing } from '../../base/closing.ts'
import { FreeholdError } from '../../domain/errors.ts'
import type { GovernanceEndpoint } from '../../domain/governance.ts'
import type { OperationState } from '../../domain/operation.ts'
import { governedCommands } from '../../domain/policy.ts'
import { compose } from '../../registry/compose.ts'
import { composeWorker } from '../../worker/compose.ts'
import { installSdkRuntime } from '../../worker/sdk-runtime.ts'
import { startWorker } from '../../worker/worker.ts'
import { startOwnStack } from '../../local/own-stack.ts'

/** What happens to an activity before it does its work. */
type Fault = () => Promise<void>

/** A whole stack of its own on free ports, in a directory that goes with it, and a worker whose activities can be held up. */
export async function startRecordingStack(closing: Closing) {
  const stack = await startOwnStack(closing, { FREEHOLD_SWEEP_INTERVAL_MS: '300' })
  const composed = await compose(stack.environment, { parts: ['api', 'worker'] }, closing)
  // Nobody answers there: whether a command goes on without an answer is all that a workflow learns of a verdict.
  const endpoint: GovernanceEndpoint = {
    url: 'http://127.0.0.1:1',
    secret: composed.config.FREEHOLD_PLATFORM_KEY,
    timeoutMs: 1_000,
    retries: 0,
    onFailure: 'closed',
    commands: [],
  }
  const composition = {
    ...composed,
    platform: { ...composed.platform, governanceEndpoint: endpoint },
    // A workflow is cancelled by a scenario alone: the cancel that follows an abort comes sooner or later, as it likes.
    starter: { ...composed.starter, cancel: async () => undefined },
  }
  installSdkRuntime(composition.log)
  const faults = new Map<string, Fault>()
  const worker = await startWorker(await composeWorker(composition, closing), [
    ({ info }) => ({
      inbound: {
        async execute(input, next) {
          const { step, outcome } = input.args[0] as { step?: string; outcome?: string }
          await faults.get([info.activityType, step ?? outcome].filter(Boolean).join(' '))?.()
          return next(input)
        },
      },
    }),
  ])
  closing.add('the worker', () => worker.stop(), 20_000)
  const client = createClient({ url: await serveApi(composition, closing), apiKey: stack.adminKey })
  return {
    client,
    temporal: composition.client,
    ...faultsIn(faults),
    until: untilIn(client),
    /** From now on the governance endpoint is asked, and what is asked about goes on (`open`) or ends; or it is not asked. */
    governs: (onFailure: GovernanceEndpoint['onFailure'] | undefined): void => {
      const commands = onFailure === undefined ? [] : [...governedCommands]
      Object.assign(endpoint, { commands, onFailure: onFailure ?? 'closed' })
    },
  }
}

/** Faults by the name of the call, such as `ensure prod/topic`. */
function faultsIn(faults: Map<string, Fault>) {
  return {
    /** Has an activity fail for good, from now on. */
    refuse: (name: string): void => {
      faults.set(name, async () => {
        throw new FreeholdError('resource_not_owned', 'recorded: it is of somebody else')
      })
    },
    /** Holds an activity up until it is opened; `reached` ends when it came there. */
    hold: (name: string): { reached: Promise<void>; open: () => void } => {
      const [reached, opened] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      faults.set(name, () => {
        reached.resolve()
        return opened.promise
      })
      return { reached: reached.promise, open: opened.resolve }
    },
    /** Holds an activity up until the workflow wants no more of it. */
    holdUntilCancelled: (name: string): { reached: Promise<void> } => {
      const { promise, resolve } = Promise.withResolvers<void>()
      faults.set(name, () => {
        resolve()
        return new Promise((cancelled) => cancellationSignal().addEventListener('abort', () => cancelled()))
      })
      return { reached: promise }
    },
    /** Everything works again. */
    mend: () => faults.clear(),
  }
}

function untilIn(client: ReturnType<typeof createClient>) {
  /** Waits until an operation is in a state; throws when it ended in another, or not within a minute. */
  return async (id: string, wanted: OperationState): Promise<void> => {
    const limit = performance.now() + 60_000
    for (;;) {
      const { state, error } = await client.getOperation(id)
      if (state === wanted) return
      if (['succeeded', 'failed', 'aborted'].includes(state) || performance.now() > limit)
        throw new Error(`operation ${id} is ${state}, not ${wanted}: ${JSON.stringify(error)}`)
      await sleep(50)
    }
  }
}
export type RecordingStack = Awaited<ReturnType<typeof startRecordingStack>>
