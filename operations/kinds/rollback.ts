import { textAt } from '../../domain/json.ts'
import { revertSteps } from '../../domain/relocation-steps.ts'
import { findRelocation, settleRelocation } from '../../registry/relocations.ts'
import { forgetBefore, requireSoaking } from '../relocation-end.ts'
import { releasePlacement } from '../relocation-places.ts'
import { ofPlacement, sharedChanges } from '../relocation-specs.ts'
import { wantedResources } from '../wanted-resources.ts'
import type { Kind } from './kind.ts'

/** Takes a tenant back to where it was before its move, with every write that was made since; the new place goes. */
export const rollback: Kind = {
  accepted: requireSoaking,
  prepare(facts) {
    const { ledger, placements, operation } = facts
    const environment = textAt(operation.parameters, 'environment')
    const [source, target] = ['source', 'target'].map((end) => Number(operation.parameters[end]))
    const before = placements.filter((one) => one.environment === environment && one.number === source)
    const changed = sharedChanges(facts, wantedResources({ ...facts, placements: before }))
    const made = ofPlacement(ledger, environment, target ?? 0)
    return { specs: changed, steps: revertSteps({ made, changed }) }
  },
  async succeed(sql, held) {
    const { operation, tenant } = held
    const relocation = await findRelocation(sql, tenant.id, textAt(operation.parameters, 'relocation'))
    await settleRelocation(sql, relocation.id, 'rolled-back', 'rolled back')
    await forgetBefore(sql, tenant.id)
    return releasePlacement(sql, held, { environment: relocation.environment, number: relocation.target })
  },
}
