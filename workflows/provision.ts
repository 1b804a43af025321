import type { OperationInput } from '../domain/operation.ts'
import { goForwardOrBack } from './go-forward-or-back.ts'

/**
 * Makes a tenant: every resource in the order of its dependencies, then the schema. A tenant that could not be made is
 * `failed`, to be retried or removed.
 */
export async function provision(input: OperationInput): Promise<void> {
  await goForwardOrBack(input, 'resources')
}
