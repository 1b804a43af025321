import { textAt } from '../../domain/json.ts'
import { revertSteps } from '../../domain/relocation-steps.ts'
import { findRelocation, settleRelocation } from '../../registry/relocations.ts'
import { ofPlacement, requireSoaking } from '../relocation-end.ts'
import { releasePlacement } from '../relocation-places.ts'
import type { Kind } from './kind.ts'

/** Takes a tenant back to where it was before its move, with every write that was made since; the new place goes. */
export const rollback: Kind = {
  accepted: requireSoaking,
  prepare({ ledger, operation }) {
    const environment = textAt(operation.parameters, 'environment')
    const number = Number(operation.parameters['target'])
    const specs = ofPlacement(ledger, { environment, number })
    return {
      specs: [],
      steps: revertSteps(
        specs,
        specs.find(({ kind }) => kind === 'database'),
      ),
    }
  },
  async succeed(sql, held) {
    const { operation, tenant } = held
    const relocation = await findRelocation(sql, tenant.id, textAt(operation.parameters, 'relocation'))
    await settleRelocation(sql, relocation.id, 'rolled-back', 'rolled back')
    return releasePlacement(sql, held, { environment: relocation.environment, number: relocation.target })
  },
}
