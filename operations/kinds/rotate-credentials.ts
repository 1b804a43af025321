import { textAt } from '../../domain/json.ts'
import { rotationSteps } from '../../domain/steps.ts'
import type { Kind } from './kind.ts'

/** Gives the database and the topic of one environment new credentials. */
export const rotateCredentials: Kind = {
  prepare({ ledger, operation }) {
    const specs = ledger.map(({ spec }) => spec)
    return { specs: [], steps: rotationSteps(specs, textAt(operation.parameters, 'environment')) }
  },
}
