import type { OperationInput } from '../domain/operation.ts'
import { goForward } from './go-forward.ts'

/** Gives the databases of one environment a new password. */
export async function rotateCredentials(input: OperationInput): Promise<void> {
  await goForward(input, 'credentials')
}
