import type { OperationInput, WorkflowName } from '../domain/operation.ts'
import type * as workflows from './index.ts'

type Run = (input: OperationInput) => Promise<void>
type OfEveryKind<All extends Record<WorkflowName, Run>, Names extends WorkflowName> = Pick<All, Names>

/** Workflows of no operation. */
export type OtherWorkflow = 'observe' | 'planMove'

/** The workflow of every kind of operation: the compiler refuses one too few or too many in `index.ts`. */
export type Workflows = OfEveryKind<
  Omit<typeof workflows, OtherWorkflow>,
  Exclude<keyof typeof workflows, OtherWorkflow>
>
