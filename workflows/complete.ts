import type { OperationInput } from '../domain/operation.ts'
import { goForward } from './go-forward.ts'

/** Ends a move for good: what it made for moving goes, and then the old placement. */
export async function complete(input: OperationInput): Promise<void> {
  await goForward(input, 'releasing')
}
