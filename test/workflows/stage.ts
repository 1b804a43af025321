import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { activityInfo, ApplicationFailure, cancellationSignal, CancelledFailure, heartbeat } from '@temporalio/activity'
import { Client, Connection, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client'
import { NativeConnection, Worker } from '@temporalio/worker'
import { inject } from 'vitest'
import type { Activities } from '../../activities/index.ts'
import { operationStarter } from '../../base/temporal.ts'
import { busQueue, stepActions, workflowId } from '../../domain/operation.ts'
import type { OperationError, OperationInput, OperationKind, Timing, WorkflowStep } from '../../domain/operation.ts'
import type { ErrorCode } from '../../domain/errors.ts'
import type { Progress } from '../../workflows/progress.ts'
import { tries } from '../support/timing.ts'
import { workflowBundle } from '../../worker/workflow-bundle.ts'

/** What an activity does instead of its work, at one of its tries. */
export type Answer = (attempt: number) => unknown
/** What happens to a workflow: the steps it is given, and what becomes of each call by its name, such as `ensure prod/secrets`. */
export type Script = { steps?: WorkflowStep[]; undo?: WorkflowStep[]; answers?: Record<string, Answer> }
type Given = OperationInput | { input: OperationInput; step?: string; outcome?: string; error?: OperationError }
type Call = { readonly name: string; readonly activity: string; readonly given: Given; readonly queue: string }
type Ending = { status: 'completed' | 'cancelled' } | { status: 'failed'; code: string; message: string }

const timing: Timing = {
  tryMs: tries(20_000),
  heartbeatMs: 2_000,
  initialRetryMs: 5,
  maximumRetryMs: 10,
  maximumAttempts: 3,
}
const activities = ['begin', 'askGovernance', 'beginUndo', 'putInForce', 'settle', ...stepActions] as const
activities satisfies readonly (keyof Activities)[]

/** A Temporal worker with the real workflows, and with activities that do what a script says. */
export async function openStage({ bus = 'bus-1' } = {}) {
  const taskQueue = `stage-${randomUUID()}`
  const address = inject('temporalAddress')
  const client = new Client({ connection: await Connection.connect({ address }), namespace: 'freehold' })
  const connection = await NativeConnection.connect({ address })
  const starter = operationStarter(client, { taskQueue, timing })
  const plays = new Map<string, Play>()
  const mocked = Object.fromEntries(
    activities.map((activity) => [
      activity,
      (given: Given) => plays.get(activityInfo().workflowExecution?.workflowId ?? '')?.perform(activity, given),
    ]),
  )
  const common = {
    connection,
    namespace: 'freehold',
    activities: mocked,
    maxHeartbeatThrottleInterval: '100ms',
  } as const
  const running: { worker: Worker; ended: Promise<void> }[] = []
  const run = (worker: Worker) => running.push({ worker, ended: worker.run() })

  return {
    client,
    /** Lets the workers begin. */
    async raise(): Promise<void> {
      const bundle = await workflowBundle(new URL('../../workflows/index.ts', import.meta.url))
      run(await Worker.create({ ...common, taskQueue, workflowBundle: bundle }))
      run(await Worker.create({ ...common, taskQueue: busQueue(taskQueue, bus) }))
    },
    /** Starts a workflow as the API does. */
    async play(kind: OperationKind, script: Script = {}): Promise<Play> {
      const operation = { id: randomUUID(), kind, attempt: 1, tenant: randomUUID(), generation: 1, slug: 'acme' }
      const id = workflowId(operation)
      const play = createPlay(client.workflow.getHandle(id), script, taskQueue, {
        operationId: operation.id,
        tenantId: operation.tenant,
        generation: 1,
        attempt: 1,
        timing,
      })
      plays.set(id, play)
      await starter.start(operation)
      return play
    },
    async close(): Promise<void> {
      for (const { worker } of running) worker.shutdown()
      await Promise.all(running.map(({ ended }) => ended))
      await connection.close()
      await client.connection.close()
    },
  }
}
export type Stage = Awaited<ReturnType<typeof openStage>>
export type Play = ReturnType<typeof createPlay>

function createPlay(handle: WorkflowHandle, script: Script, taskQueue: string, input: OperationInput) {
  const calls: Call[] = []
  const usual: Record<string, Answer> = {
    begin: () => ({ proceed: 'forward', slug: 'acme', steps: script.steps ?? [] }),
    beginUndo: () => script.undo ?? [],
    putInForce: () => 'in-force',
    settle: () => 'settled',
  }
  return {
    handle,
    input,
    calls,
    /** Answers a call as the script says. */
    async perform(activity: string, given: Given): Promise<unknown> {
      const { attempt, taskQueue: queue } = activityInfo()
      const name = nameOf(activity, given)
      calls.push({ name, activity, given, queue: queue.replace(taskQueue, '') })
      const beat = setInterval(heartbeat, 50)
      try {
        return await (script.answers?.[name] ?? usual[activity])?.(attempt)
      } finally {
        clearInterval(beat)
      }
    },
    /** Names of the calls in their order; those that a wave makes side by side are sorted, by the form of what is expected. */
    called(...expected: (string | string[])[]): (string | string[])[] {
      const names = calls.map(({ name }) => name)
      const told = expected.map((part) =>
        typeof part === 'string' ? (names.shift() ?? 'nothing') : names.splice(0, part.length).toSorted(),
      )
      return [...told, ...names]
    },
    /** What the operation was settled with, at the end. */
    settled: () => calls.findLast(({ activity }) => activity === 'settle')?.given,
    /** Waits until an activity was called. */
    async reached(name: string): Promise<void> {
      while (!calls.some((call) => call.name === name)) await sleep(10)
    },
    /** Waits until the workflow knows of a step what the test waits for. */
    async knows(key: string, state: Progress['steps'][number]['state']): Promise<void> {
      for (;;) {
        const { steps } = await handle.query<Progress>('progress')
        if (steps.some((step) => step.key === key && step.state === state)) return
        await sleep(10)
      }
    },
    /** How the workflow ended; `cancelled` whoever asked for it. */
    async ended(): Promise<Ending> {
      try {
        await handle.result()
        return { status: 'completed' }
      } catch (error) {
        if (!(error instanceof WorkflowFailedError)) throw error
        const { cause } = error
        if (cause instanceof ApplicationFailure)
          return { status: 'failed', code: cause.type ?? '', message: cause.message }
        if (cause instanceof Error && cause.name === 'CancelledFailure') return { status: 'cancelled' }
        throw error
      }
    },
  }
}

function nameOf(activity: string, given: Given): string {
  const of = 'input' in given ? (given.step ?? given.outcome) : undefined
  return of === undefined ? activity : `${activity} ${of}`
}

/** Steps by name, each with the keys it waits for; those of topics are on a bus. */
export function steps(table: Record<string, string[]>): WorkflowStep[] {
  return Object.entries(table).map(([name, after]) => {
    const [action = '', key = ''] = name.split(' ')
    const bus = key.endsWith('/topic') ? { bus: 'bus-1' } : {}
    return { key, title: `title of ${key}`, action: action as WorkflowStep['action'], after, ...bus }
  })
}

/** Fails for good. */
export function refuses(code: ErrorCode, message: string): Answer {
  return () => {
    throw ApplicationFailure.create({ type: code, message, nonRetryable: true })
  }
}

/** Fails at its first tries as what may pass, then works. */
export function passesAfter(tries: number): Answer {
  return (attempt) => {
    if (attempt > tries) return undefined
    throw ApplicationFailure.create({ type: 'substrate_unavailable', message: 'nobody is there' })
  }
}

/** Works until it is told to stop, and heeds that; or fails at it, as a client that is cut off. */
export function untilCancelled({ fails = false } = {}): Answer {
  return () =>
    new Promise((_, reject) => {
      const failure = fails
        ? ApplicationFailure.create({ type: 'substrate_unavailable', message: 'the connection was cut' })
        : new CancelledFailure('told to stop')
      cancellationSignal().addEventListener('abort', () => reject(failure))
    })
}

/** Works until the test opens it, whatever it is told. */
export function gate(): { opens: Answer; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opens: () => promise, open: resolve }
}
