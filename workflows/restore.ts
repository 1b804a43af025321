import type { OperationInput } from '../domain/operation.ts'
import { goForwardOrBack } from './go-forward-or-back.ts'

/** Brings an archived tenant back, compares it with its archive, and opens its doors; or removes again what it made. */
export async function restore(input: OperationInput): Promise<void> {
  await goForwardOrBack(input, 'resources')
}
