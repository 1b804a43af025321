import type { OperationInput } from '../domain/operation.ts'
import { goForwardOrBack } from './go-forward-or-back.ts'

/**
 * Brings a tenant to a changed manifest: what is new or differs first, and when that works and the manifest is in force, what it
 * no longer names is removed. What fails before is undone, and the manifest before stays in force.
 */
export async function update(input: OperationInput): Promise<void> {
  await goForwardOrBack(input, 'resources')
}
