import type { OperationInput } from '../domain/operation.ts'
import { goForward } from './go-forward.ts'

/** Closes every door of a tenant. A bus or a runtime that is down holds up its own door alone, and reopens none. */
export async function suspend(input: OperationInput): Promise<void> {
  await goForward(input, 'closing')
}
