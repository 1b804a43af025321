import type { Operation } from './api-types.ts'
import { CliError, exitCodes } from './failures.ts'
import { followOperation } from './operation-stream.ts'
import { progress } from './progress.ts'
import type { Session } from './session.ts'

/**
 * Follows an operation with its progress shown, and gives its end. Progress goes to standard error, except where it is
 * the answer itself (`shown: 'stdout'`). Throws CliError with exit code 1 when it ends otherwise than `wanted`.
 */
export async function awaitOperation(
  session: Session,
  id: string,
  { wanted = 'succeeded', shown = 'stderr' }: { wanted?: 'succeeded' | 'aborted'; shown?: 'stdout' | 'stderr' } = {},
): Promise<Operation> {
  const { client, io, timeoutMs } = session
  const operation = await followOperation(client, id, { timeoutMs, onUpdate: progress(io[shown]) })
  if (operation.state !== wanted) throw otherEnd(operation)
  return operation
}

function otherEnd({ kind, tenant, state, error }: Operation): CliError {
  const { code, message, step, unresolved = [] } = error ?? {}
  return new CliError(exitCodes.operationFailed, `${kind} of ${tenant.slug} ${state}${message ? `: ${message}` : ''}`, {
    ...(code === undefined ? {} : { code }),
    notes: [...(step ? [`  at step: ${step}`] : []), ...unresolved.map((what) => `  unresolved: ${what}`)],
    ...(state === 'succeeded' ? {} : { next: advice(state, tenant.slug) }),
  })
}

function advice(state: string, slug: string): string {
  const other = state === 'interrupted' ? 'abort' : 'delete'
  return `freehold retry ${slug} --wait, or freehold ${other} ${slug} --wait; what happened: freehold events ${slug}`
}
