import type { OperationInput } from '../domain/operation.ts'
import { goForward } from './go-forward.ts'

/** Ends a tenant for good: every resource that is left, then its key; the slug is free again. */
export async function purge(input: OperationInput): Promise<void> {
  await goForward(input, 'removing')
}
