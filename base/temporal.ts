import { Client, Connection, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client'
import type { Observed } from '../domain/drift.ts'
import { lifecycle } from '../domain/lifecycle.ts'
import type { MovePlan } from '../domain/relocation.ts'
import { workflowId, workflowName, type OperationInput, type OperationKind, type Timing } from '../domain/operation.ts'
import type { Config } from './config.ts'
import { lookFailure } from './look-failure.ts'
import { searchAttributes } from './search-attributes.ts'
import type { ResolveSecret } from './secret-reference.ts'
import { temporalConnectionOptions, type TemporalConfig } from './temporal-connection.ts'

/** What starting an operation takes. */
export type Startable = {
  id: string
  kind: OperationKind
  attempt: number
  tenant: string
  generation: number
  slug: string
}

/** How long looking at a tenant may take, the wait for a worker included. */
const lookMs = 25_000

/** How a workflow stands: `closed` without more, because its outcome is in the registry. */
export type WorkflowStanding = 'running' | 'closed' | 'missing'

/**
 * Connects to the Temporal server of the configuration. Throws when it does not answer within 10 s, and
 * `configuration_invalid` as `temporalConnectionOptions` does.
 */
export async function connectTemporal(
  config: TemporalConfig & Pick<Config, 'TEMPORAL_NAMESPACE'>,
  resolveSecret?: ResolveSecret,
): Promise<Client> {
  const options = await temporalConnectionOptions(config, resolveSecret)
  const connection = await Connection.connect({ ...options, connectTimeout: 10_000 })
  return new Client({ connection, namespace: config.TEMPORAL_NAMESPACE })
}

/** Durations of a workflow's steps by the configuration. */
export function timingOf(
  config: Pick<
    Config,
    | 'FREEHOLD_ACTIVITY_TIMEOUT_MS'
    | 'FREEHOLD_MIGRATION_TIMEOUT_MS'
    | 'FREEHOLD_ARCHIVE_TIMEOUT_MS'
    | 'FREEHOLD_ACTIVITY_ATTEMPTS'
  >,
): Timing {
  const short = config.FREEHOLD_ACTIVITY_TIMEOUT_MS
  const long = config.FREEHOLD_ARCHIVE_TIMEOUT_MS
  return {
    tryMs: {
      operation: short,
      ensure: short,
      migrate: config.FREEHOLD_MIGRATION_TIMEOUT_MS,
      freeze: short,
      thaw: short,
      remove: short,
      rotate: short,
      export: long,
      verify: long,
      import: long,
      compare: long,
      carry: long,
      handOver: long,
      takeBack: long,
      copy: long,
      await: short,
      cut: long,
      prove: long,
      revert: long,
      release: long,
    },
    heartbeatMs: Math.min(short, 10_000),
    initialRetryMs: 200,
    maximumRetryMs: 30_000,
    maximumAttempts: config.FREEHOLD_ACTIVITY_ATTEMPTS,
  }
}

/** Starts, cancels and looks up the workflow of an operation; used by the API and by the worker's sweep alike. */
export function operationStarter(client: Client, options: { taskQueue: string; timing: Timing }) {
  /** Starts the workflow of this attempt; starting it twice is starting it once. */
  async function start(operation: Startable): Promise<void> {
    const { id, kind, attempt, tenant, generation, slug } = operation
    const input: OperationInput = { operationId: id, tenantId: tenant, generation, attempt, timing: options.timing }
    try {
      await client.workflow.start(workflowName(kind), {
        taskQueue: options.taskQueue,
        workflowId: workflowId(operation),
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        args: [input],
        // Who is killed in the middle of one is taken for dead as soon as in the middle of a step.
        workflowTaskTimeout: Math.max(options.timing.heartbeatMs, 2_000),
        priority: { priorityKey: lifecycle[kind].urgency },
        staticSummary: `${kind} ${slug}`,
        staticDetails: `Operation \`${id}\`, attempt ${attempt}, of tenant **${slug}** (\`${tenant}\`)`,
        typedSearchAttributes: [
          { key: searchAttributes.tenantId, value: tenant },
          { key: searchAttributes.tenantSlug, value: slug },
          { key: searchAttributes.operation, value: kind },
          { key: searchAttributes.phase, value: 'accepted' },
        ],
      })
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error
    }
  }

  /** Asks the workflow to undo what it did. One that is not there or has ended is no error: the registry decides. */
  async function cancel(operation: Pick<Startable, 'id' | 'kind' | 'attempt'>): Promise<void> {
    try {
      await client.workflow.getHandle(workflowId(operation)).cancel()
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error
    }
  }

  /** How the newest run of this attempt stands. */
  async function standing(operation: Pick<Startable, 'id' | 'kind' | 'attempt'>): Promise<WorkflowStanding> {
    try {
      const { status } = await client.workflow.getHandle(workflowId(operation)).describe()
      return status.name === 'RUNNING' || status.name === 'PAUSED' || status.name === 'CONTINUED_AS_NEW'
        ? 'running'
        : 'closed'
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return 'missing'
      throw error
    }
  }

  /**
   * Has a worker look at all that a tenant has. Who asks while somebody looks is given the same. Throws `not_ready` when nobody
   * has looked in time, and what the look itself failed by, such as `tenant_gone`.
   */
  const observe = (tenant: string) => look<Observed[]>('observe', `observe/${tenant}`, { tenantId: tenant })

  /** The preflight of a move of one environment. Throws as `observe`. */
  const planMove = (tenant: string, environment: string) =>
    look<MovePlan>('planMove', `plan-move/${tenant}/${environment}`, { tenantId: tenant, environment })

  /** One look by a worker. Who asks while somebody looks is given the same. */
  async function look<T>(name: string, id: string, input: { tenantId: string } & Record<string, string>): Promise<T> {
    try {
      return await client.workflow.execute<(input: { tenantId: string }) => Promise<T>>(name, {
        taskQueue: options.taskQueue,
        workflowId: id,
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        workflowIdConflictPolicy: 'USE_EXISTING',
        workflowExecutionTimeout: lookMs,
        args: [input],
        staticSummary: name,
        typedSearchAttributes: [{ key: searchAttributes.tenantId, value: input.tenantId }],
      })
    } catch (error) {
      throw lookFailure(error, lookMs / 1000)
    }
  }

  return { start, cancel, standing, observe, planMove }
}
export type OperationStarter = ReturnType<typeof operationStarter>
