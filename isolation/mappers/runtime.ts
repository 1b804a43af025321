import { setTimeout as sleep } from 'node:timers/promises'
import {
  Client,
  Connection,
  defaultGrpcRetryOptions,
  isGrpcServiceError,
  makeGrpcRetryInterceptor,
  NamespaceNotFoundError,
  WorkflowNotFoundError,
  type WorkflowExecutionInfo,
} from '@temporalio/client'
import type { TemporalConnectionOptions } from '../../base/temporal-connection.ts'
import { FreeholdError } from '../../domain/errors.ts'
import { bounded } from '../abort.ts'
import type { Mapper, Removal, Target } from '../mapper.ts'

type RuntimeTarget = Target<'runtime'>

/** Where the tenants' work runs, and how long the server may take to list what was just started. */
export type RuntimeOptions = TemporalConnectionOptions & {
  /** Default 1,000: lists of workflows are eventually consistent, on a busy server by about a second. */
  readonly visibilityLagMs?: number
}

const callMs = 10_000
/** Bounds of one `remove`; what is left is for its next try, so a tenant's tasks must not be started for ever. */
const maximumPasses = 20
const passSize = 1_000
const atATime = 20

/** Rates are of the queue of activities; a queue of workflow tasks has none. */
const activityQueue = 2

/**
 * Mapper of kind `runtime`. There is nothing to make: a share of a task queue is the fairness key and weight that tasks are
 * started with, and workers ask for the tenant's state before they run one, which is how it is frozen. A queue of its own is
 * also frozen by its rate: tasks wait there, and none is lost. A rate has no fence: that a freeze comes after a thaw is kept
 * by the claim, whose lease a call does not outlive, and by the workers. What exists in the world is the tenant's work,
 * counted as `open` and found by its search attributes. Removing ends it.
 */
export function createRuntimeMapper({ visibilityLagMs = 1_000, ...server }: RuntimeOptions): Mapper<'runtime'> {
  let shared: Connection | undefined

  /**
   * The connection finds a server again by itself, and soon, so there is one for the life of the mapper. A call to
   * a server that is down is given up within about a second: its caller tries again later.
   */
  async function on<T>(target: RuntimeTarget, call: (client: Client) => Promise<T>, told = faults): Promise<T> {
    const { namespace } = target.spec.properties
    target.signal.throwIfAborted()
    shared ??= Connection.lazy({
      ...server,
      channelArgs: { 'grpc.max_reconnect_backoff_ms': 2_000 },
      interceptors: [makeGrpcRetryInterceptor(defaultGrpcRetryOptions({ maxAttempts: 4 }))],
    })
    const connection = shared
    const client = new Client({ connection, namespace })
    try {
      const inTime = () => connection.withDeadline(Date.now() + callMs, () => call(client))
      return await connection.withAbortSignal(target.signal, inTime)
    } catch (error) {
      target.signal.throwIfAborted()
      throw runtimeError(error, server.address, namespace, told)
    }
  }

  const countOpen = async (target: RuntimeTarget): Promise<number> =>
    (await on(target, (client) => client.workflow.count(openWork(target)), searchFaults)).count

  /** Ends what is listed as open, and gives how many it ended; what had ended already does not count. */
  async function endListed(target: RuntimeTarget): Promise<number> {
    const list = async (client: Client) => {
      const page: WorkflowExecutionInfo[] = []
      for await (const execution of client.workflow.list({ query: openWork(target) }))
        if (page.push(execution) === passSize) break
      return page
    }
    const listed = await on(target, list, searchFaults)
    let ended = 0
    for (let from = 0; from < listed.length; from += atATime) {
      const some = listed.slice(from, from + atATime)
      const results = await on(target, (client) => Promise.all(some.map((one) => terminate(client, one, target))))
      ended += results.filter(Boolean).length
    }
    return ended
  }

  /** Work that was started just now may not be listed yet, so it is over when two lists in a row hold nothing to end. */
  async function remove(target: RuntimeTarget): Promise<Removal> {
    let ended = 0
    for (let pass = 1, quiet = 0; ; pass += 1) {
      const count = await endListed(target)
      ended += count
      quiet = count === 0 ? quiet + 1 : 0
      if (quiet === 2) return { outcome: ended > 0 ? 'removed' : 'absent' }
      if (pass === maximumPasses)
        throw new FreeholdError(
          'substrate_unavailable',
          `ended ${ended} tasks of tenant ${target.tenantId} in namespace "${target.spec.properties.namespace}" and there are still more; stop what starts them`,
        )
      await sleep(visibilityLagMs, undefined, { signal: target.signal })
    }
  }

  /** Sets the rate of the tenant's own queue: 0, or none. */
  async function setRate(target: RuntimeTarget, isFrozen: boolean): Promise<void> {
    const { namespace, taskQueue, ownQueue } = target.spec.properties
    if (!ownQueue) return
    const reason = `tenant ${target.tenantId} is ${isFrozen ? 'closed' : 'open'}`
    const updateQueueRateLimit = { reason, ...(isFrozen ? { rateLimit: { requestsPerSecond: 0 } } : {}) }
    await on(target, ({ workflowService }) =>
      workflowService.updateTaskQueueConfig({
        namespace,
        taskQueue,
        taskQueueType: activityQueue,
        updateQueueRateLimit,
      }),
    )
  }

  async function isFrozen(target: RuntimeTarget): Promise<boolean> {
    const { namespace, taskQueue, ownQueue } = target.spec.properties
    if (!ownQueue) return false
    const { config } = await on(target, ({ workflowService }) =>
      workflowService.describeTaskQueue({
        namespace,
        taskQueue: { name: taskQueue },
        taskQueueType: activityQueue,
        reportConfig: true,
      }),
    )
    return config?.queueRateLimit?.rateLimit?.requestsPerSecond === 0
  }

  async function observe(target: RuntimeTarget) {
    const facts = { ...target.spec.properties, open: await countOpen(target) }
    return { exists: true, owner: target.tenantId, frozen: await isFrozen(target), facts } as const
  }

  /** Counting proves that the namespace is there and that the tenant's work can be found in it. */
  async function ensure(target: RuntimeTarget) {
    await countOpen(target)
    // One that is born closed has nothing to wait for its thaw yet, and what is closed stays so.
    if (target.birth !== 'active') await setRate(target, true)
    return target.spec.properties
  }

  return {
    kind: 'runtime',
    observe: (target) => bounded(target, observe),
    ensure: (target) => bounded(target, ensure),
    freeze: (target) => bounded(target, (one) => setRate(one, true)),
    thaw: (target) => bounded(target, (one) => setRate(one, false)),
    remove: (target) =>
      bounded(target, async (one) => {
        const removal = await remove(one)
        await setRate(one, false)
        return removal
      }),
    async close() {
      await shared?.close()
      shared = undefined
    },
  }
}

/** Every task of a tenant carries its id and environment; neither can hold a quote. A paused one is open as well. */
function openWork({ tenantId, spec }: RuntimeTarget): string {
  return `TenantId = '${tenantId}' and Environment = '${spec.environment}' and CloseTime is null`
}

async function terminate(
  client: Client,
  { workflowId, runId }: WorkflowExecutionInfo,
  { tenantId }: RuntimeTarget,
): Promise<boolean> {
  try {
    await client.workflow.getHandle(workflowId, runId).terminate(`tenant ${tenantId} is removed`)
    return true
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false
    throw error
  }
}

/**
 * Statuses of gRPC that no later try can cure, with what to do. INVALID_ARGUMENT is none of them: that is also how the server
 * tells that two have set the rate of a queue at once.
 */
const faults: Readonly<Record<number, string>> = {
  5: 'is not there; make it, or correct the cell in the platform file',
  7: 'may not be used by Freehold; grant it',
  16: 'may not be used by Freehold; grant it',
}
/** The same for a search. */
const searchFaults: typeof faults = {
  ...faults,
  3: 'does not know the search attributes TenantId and Environment (Keyword); add them',
}

function runtimeError(error: unknown, address: string, namespace: string, told: typeof faults): FreeholdError {
  const cause = error instanceof Error && isGrpcServiceError(error.cause) ? error.cause : error
  const status =
    error instanceof NamespaceNotFoundError ? 5 : isGrpcServiceError(cause) ? Number(cause.code) : undefined
  const fault = status === undefined ? undefined : told[status]
  if (fault !== undefined)
    return new FreeholdError('configuration_invalid', `Temporal namespace "${namespace}" at ${address} ${fault}`, {
      cause: error,
    })
  const [said = ''] = cause instanceof Error ? cause.message.split('\n', 1) : []
  return new FreeholdError(
    'substrate_unavailable',
    `namespace "${namespace}" at ${address} is not available: ${said}`,
    {
      cause: error,
    },
  )
}
