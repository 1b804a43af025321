import type { ErrorCode } from './errors.ts'
import type { AvailableCommand } from './lifecycle.ts'

/**
 * `scheduled` until it is due, and holds nothing. `accepted` by the API, `running` in a workflow, `interrupted` when its
 * workflow was closed without settling; these three are open and hold the tenant. The rest are settled.
 */
export const operationStates = [
  'scheduled',
  'accepted',
  'running',
  'interrupted',
  'succeeded',
  'failed',
  'aborted',
] as const
export type OperationState = (typeof operationStates)[number]
export const openStates = ['accepted', 'running', 'interrupted'] as const satisfies readonly OperationState[]

/** Whether the operation still holds its tenant. */
export function isOpen(state: OperationState): boolean {
  return (openStates as readonly OperationState[]).includes(state)
}

export type OperationKind = AvailableCommand
/** `compensate` once an operator asked to abort: the workflow undoes what the operation made and settles `aborted`. */
export type Intent = 'forward' | 'compensate'

export const stepStates = ['pending', 'done', 'failed', 'undone'] as const
export type StepState = (typeof stepStates)[number]
export const stepActions = [
  'ensure',
  'migrate',
  'freeze',
  'thaw',
  'remove',
  'rotate',
  'export',
  'verify',
  'import',
  'compare',
  'carry',
  'handOver',
  'takeBack',
  'copy',
  'await',
  'cut',
  'prove',
  'revert',
  'release',
] as const
export type StepAction = (typeof stepActions)[number]

/**
 * One step of an operation, as it is recorded and shown. `after` lets a reader tell what is under way: pending, with
 * everything before it done.
 */
export type Step = {
  readonly key: string
  readonly title: string
  readonly action: StepAction
  /** Key of the resource in the ledger. */
  readonly resource: string
  readonly after: readonly string[]
  readonly state: StepState
  /** Bus whose management side it asks: such steps have a queue with the rate of that bus. */
  readonly bus?: string
  /** Version that `migrate` brings a schema to. */
  readonly schemaVersion?: string
  /** What it makes is closed until it is opened. */
  readonly isBornClosed?: true
  /** What it makes is the side of a move that is not open yet: its cut alone opens it. */
  readonly isStandby?: true
  /** Key of the archive that is written, or read. */
  readonly archive?: string
  /**
   * Carried out once the changed manifest is in force, or the archive is proven to be sound; it cannot be undone, and from then
   * on the operation only goes forward.
   */
  readonly inForce?: true
}

/** What a workflow needs of a step; the activity takes the rest from what is recorded. */
export type WorkflowStep = Pick<Step, 'key' | 'title' | 'action' | 'after' | 'bus' | 'inForce'>

/** Why an operation did not end well; `step` is where. For people and programs, never with a secret. */
export type OperationError = { code: ErrorCode; message: string; step?: string; unresolved?: string[] }

/** How an operation ended. `stalled` is for what only goes forward: it stays open until an operator retries. */
export type Outcome = 'succeeded' | 'failed' | 'aborted' | 'stalled'

/** How long one try of each may take, and how often what the world refuses is tried; inputs of every workflow, so tests use seconds. */
export type Timing = {
  /** One try, in milliseconds: of a step by its action, and of opening and closing an operation. */
  readonly tryMs: Readonly<Record<StepAction | 'operation', number>>
  /** Silence after which a worker is taken for dead; the lease of a claim is as long. */
  readonly heartbeatMs: number
  readonly initialRetryMs: number
  readonly maximumRetryMs: number
  /** Tries of a step that the world refuses before an operation that can be undone gives up. */
  readonly maximumAttempts: number
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

type Camel<S extends string> = S extends `${infer Head}-${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S
/** Name of the workflow function of a kind: `rotate-credentials` is `rotateCredentials`. */
export type WorkflowName = Camel<OperationKind>

/** Name of the workflow function of a kind. */
export function workflowName(kind: OperationKind): WorkflowName {
  return kind.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase()) as WorkflowName
}

/** Task queue of the steps that ask the management side of one bus. */
export function busQueue(taskQueue: string, bus: string): string {
  return `${taskQueue}-bus-${bus}`
}
