import type { OperationInput } from '../domain/operation.ts'
import { goForward } from './go-forward.ts'

/** Gives the database and the topic of one environment new credentials. */
export async function rotateCredentials(input: OperationInput): Promise<void> {
  await goForward(input, 'credentials')
}
