import type { OperationInput } from '../domain/operation.ts'
import { goForwardOrBack } from './go-forward-or-back.ts'

/**
 * Moves a tenant to cold storage: every door is closed, then what it holds is exported and read back; and once that is proven to be
 * sound, what was archived is removed. What fails before opens the doors again.
 */
export async function archive(input: OperationInput): Promise<void> {
  await goForwardOrBack(input, 'closing')
}
