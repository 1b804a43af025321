import type { ErrorCode } from './errors.ts'
import type { AvailableCommand } from './lifecycle.ts'

/**
 * `accepted` by the API, `running` in a workflow, `interrupted` when its workflow was closed without settling; these
 * three are open and hold the tenant. `succeeded`, `failed` and `aborted` are settled.
 */
export const operationStates = ['accepted', 'running', 'interrupted', 'succeeded', 'failed', 'aborted'] as const
export type OperationState = (typeof operationStates)[number]
export const openStates = ['accepted', 'running', 'interrupted'] as const satisfies readonly OperationState[]

export type OperationKind = AvailableCommand
/** `compensate` once an operator asked to abort: the workflow undoes what the operation made and settles `aborted`. */
export type Intent = 'forward' | 'compensate'

export const stepStates = ['pending', 'done', 'failed', 'undone'] as const
export type StepState = (typeof stepStates)[number]
/** One line of the progress. `after` lets a reader tell what is under way: pending, with everything before it done. */
export type Step = { key: string; title: string; after: string[]; state: StepState }

export type StepAction = 'ensure' | 'migrate' | 'remove' | 'rotate'
/** A step as the workflow carries it out: which action on which resource of the ledger. */
export type PlanStep = Omit<Step, 'state'> & {
  action: StepAction
  resource: string
  placement: number
  environment: string
  cell: string
}

/** Why an operation did not end well; `step` is where. For people and programs, never with a secret. */
export type OperationError = { code: ErrorCode; message: string; step?: string; unresolved?: string[] }

/** How an operation ended. `stalled` is for what only goes forward: it stays open until an operator retries. */
export type Outcome = 'succeeded' | 'failed' | 'aborted' | 'stalled'

/** How long an activity may take and how often it is tried; inputs of every workflow, so tests use seconds. */
export type Timing = {
  startToCloseMs: number
  heartbeatMs: number
  initialRetryMs: number
  maximumRetryMs: number
  maximumAttempts: number
}

/** What a workflow is started with: ids and durations only, because histories are readable by operators. */
export type OperationInput = {
  operationId: string
  tenantId: string
  generation: number
  attempt: number
  timing: Timing
}

/**
 * Workflow id of one attempt. The first is `<kind>/<operation id>`; a retry or an abort after an interruption is a new
 * attempt with its own id, so that starting twice is still starting once.
 */
export function workflowId(operation: { kind: OperationKind; id: string; attempt: number }): string {
  const base = `${operation.kind}/${operation.id}`
  return operation.attempt === 1 ? base : `${base}/${operation.attempt}`
}
