import type { OperationInput } from '../domain/operation.ts'
import { goForwardOrBack } from './go-forward-or-back.ts'

/** Opens a deleted tenant again, if it was open before, or leaves it deleted. */
export async function undelete(input: OperationInput): Promise<void> {
  await goForwardOrBack(input, 'opening')
}
