import type { OperationInput } from '../domain/operation.ts'
import { goForward } from './go-forward.ts'

/** Brings a tenant back to where it was before its move: the same cut the other way, then the new placement goes. */
export async function rollback(input: OperationInput): Promise<void> {
  await goForward(input, 'returning')
}
