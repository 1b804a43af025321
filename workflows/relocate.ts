import type { OperationInput } from '../domain/operation.ts'
import { goForwardOrBack } from './go-forward-or-back.ts'

/**
 * Moves an environment to another placement under full write load: the new placement is made, becomes a copy that follows the old one,
 * the cut exchanges the two, and both are compared as they were at the cut. What fails before the end, and what differs, brings the
 * tenant back to where it was, with the writes made since.
 */
export async function relocate(input: OperationInput): Promise<void> {
  await goForwardOrBack(input, 'resources')
}
