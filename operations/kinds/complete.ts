import { textAt } from '../../domain/json.ts'
import { completeSteps } from '../../domain/relocation-steps.ts'
import { findRelocation, settleRelocation } from '../../registry/relocations.ts'
import { requireSoaking } from '../relocation-end.ts'
import { releasePlacement } from '../relocation-places.ts'
import { leftBehind, ofPlacement } from '../relocation-specs.ts'
import type { Kind } from './kind.ts'

/** Ends a move for good: what it made for moving goes, and the old place. */
export const complete: Kind = {
  accepted: requireSoaking,
  prepare({ ledger, operation }) {
    const environment = textAt(operation.parameters, 'environment')
    const [source = 0, target = 0] = ['source', 'target'].map((end) => Number(operation.parameters[end]))
    const database = ofPlacement(ledger, environment, target).find(({ kind }) => kind === 'database')
    if (database === undefined) throw new Error(`environment ${environment} has no database where it was moved to`)
    return { specs: [], steps: completeSteps(leftBehind(ledger, { environment, source, target }), database) }
  },
  async succeed(sql, held) {
    const { operation, tenant } = held
    const relocation = await findRelocation(sql, tenant.id, textAt(operation.parameters, 'relocation'))
    await settleRelocation(sql, relocation.id, 'completed', 'complete')
    return releasePlacement(sql, held, { environment: relocation.environment, number: relocation.source })
  },
}
