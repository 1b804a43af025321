import type { OperationInput } from '../domain/operation.ts'
import { goForwardOrBack } from './go-forward-or-back.ts'

/** Opens every door of a tenant, or closes them all again. */
export async function resume(input: OperationInput): Promise<void> {
  await goForwardOrBack(input, 'opening')
}
