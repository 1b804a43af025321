import type { OperationInput } from '../domain/operation.ts'
import { goForward } from './go-forward.ts'

/** Closes every door of a tenant, which rests then until its retention is over. */
export async function deleteTenant(input: OperationInput): Promise<void> {
  await goForward(input, 'closing')
}
