import { FreeholdError } from '../domain/errors.ts'
import { workflowId, type OperationInput } from '../domain/operation.ts'
import type { OperationRow } from '../registry/entities/operation.ts'

/** Who asks something of an operation: what the workflow was started with, and the id it runs under. */
export type Caller = { readonly input: OperationInput; readonly workflow: string }

/**
 * Workflow input is not trusted: who reaches Temporal must not reach a tenant. Throws `step_refused` unless the workflow is
 * the one of this attempt of the operation, and its tenant the operation's.
 */
export function requireOwn(operation: Pick<OperationRow, 'id' | 'kind' | 'tenant'>, { input, workflow }: Caller): void {
  const own = workflowId({ kind: operation.kind, id: operation.id, attempt: input.attempt })
  if (workflow !== own) throw refused(operation.id, `workflow "${workflow.slice(0, 100)}" is not the operation's`)
  if (operation.tenant !== input.tenantId) throw refused(operation.id, 'it is of another tenant')
}

/** The refusal, which changes nothing. */
export function refused(operationId: string, why: string): FreeholdError {
  return new FreeholdError('step_refused', `operation ${operationId.slice(0, 64)}: ${why}; nothing was done`)
}
