import type { OperationInput } from '../domain/operation.ts'
import { orRollBack } from './roll-back.ts'

/**
 * Makes a tenant: every resource in the order of its dependencies, then the schema. A tenant that could not be made is
 * `failed`, to be retried or removed.
 */
export async function provision(input: OperationInput): Promise<void> {
  await orRollBack(input, 'resources')
}
