import { textAt } from '../../domain/json.ts'
import { relocateSteps, revertSteps } from '../../domain/relocation-steps.ts'
import type { RelocationOptions } from '../../domain/relocation.ts'
import { findRelocation, settleRelocation } from '../../registry/relocations.ts'
import { enterTarget, releasePlacement } from '../relocation-places.ts'
import { forgetBefore, scheduleComplete } from '../relocation-end.ts'
import { sharedChanges } from '../relocation-specs.ts'
import { reportRelocation } from '../report-relocation.ts'
import { wantedResources } from '../wanted-resources.ts'
import type { Facts, Kind } from './kind.ts'

/**
 * Moves one environment to another placement while it is written to. What fails, and what differs, is undone: the tenant is where it was,
 * with every write that was made since.
 */
export const relocate: Kind = {
  prepare(facts) {
    const target = targetOf(facts)
    const wanted = wantedResources({ ...facts, placements: [target] })
    const changed = sharedChanges(facts, wanted)
    const made = wanted.filter(({ placement }) => placement === target.number)
    const { appVersion } = facts.manifest.spec.schema
    const { approval, window } = optionsOf(facts)
    const waits = approval === true || window !== undefined
    return { specs: [...made, ...changed], steps: relocateSteps({ made, changed }, { appVersion, waits }) }
  },

  undo({ ledger, operation }) {
    const made = ledger.filter(({ createdBy }) => createdBy === operation.id).map(({ spec }) => spec)
    const changed = ledger.filter(({ createdBy, before }) => createdBy !== operation.id && before !== null)
    return revertSteps({ made, changed: changed.map(({ spec }) => spec) })
  },

  async succeed(sql, held) {
    const { operation, tenant } = held
    const relocation = await findRelocation(sql, tenant.id, operation.id)
    await settleRelocation(sql, relocation.id, 'soaking', 'soak', relocation.options.soakSeconds)
    await forgetBefore(sql, tenant.id)
    return [await reportRelocation(sql, held, relocation), ...(await scheduleComplete(sql, held, relocation))]
  },

  async fail(sql, held) {
    const { operation, tenant } = held
    const relocation = await findRelocation(sql, tenant.id, operation.id)
    const { environment, target } = relocation
    const [serving] = await sql({
      text: `select from placements where tenant_id = $1 and environment = $2 and number = $3 and state in ('active', 'suspended')`,
      values: [tenant.id, environment, target],
    })
    if (serving !== undefined) {
      // It was cut, and could not be taken back: that can be tried again, or it is completed.
      await settleRelocation(sql, relocation.id, 'soaking', 'not proven', foreverSeconds)
      return []
    }
    await settleRelocation(sql, relocation.id, 'failed', 'undone')
    await forgetBefore(sql, tenant.id)
    const left = await sql({
      text: 'select from resources where tenant_id = $1 and environment = $2 and placement = $3 limit 1',
      values: [tenant.id, environment, target],
    })
    // One of which something is left keeps its place, where another try of the undo finds it.
    return left.length > 0 ? [] : releasePlacement(sql, held, { environment, number: target })
  },

  async takePlaces(sql, platform, held) {
    await enterTarget(sql, platform, held, {
      environment: textAt(held.operation.parameters, 'environment'),
      options: optionsOf(held),
    })
  },
}

/** A move that was not proven is never completed by itself. */
const foreverSeconds = 100 * 365 * 86_400

/** As the API has checked them. */
function optionsOf({ operation }: Pick<Facts, 'operation'>): RelocationOptions {
  return operation.parameters['options'] as RelocationOptions
}

/** The placement that the environment goes to: the newest, which is not open yet. */
function targetOf({ placements, operation }: Pick<Facts, 'placements' | 'operation'>) {
  const environment = textAt(operation.parameters, 'environment')
  const target = placements.filter((one) => one.environment === environment).at(-1)
  if (target !== undefined) return target
  throw new Error(`environment ${environment} has no placement`)
}
