import { textAt } from '../../domain/json.ts'
import { relocateSteps, revertSteps } from '../../domain/relocation-steps.ts'
import type { RelocationOptions } from '../../domain/relocation.ts'
import { findRelocation, settleRelocation } from '../../registry/relocations.ts'
import { enterTarget, releasePlacement } from '../relocation-places.ts'
import { scheduleComplete } from '../relocation-end.ts'
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
    const specs = wanted.filter(({ placement }) => placement === target.number)
    const database = specs.find(({ kind }) => kind === 'database')
    if (database === undefined) throw new Error(`placement ${target.number} has no database`)
    const { appVersion } = facts.manifest.spec.schema
    const { approval, window } = optionsOf(facts)
    const waits = approval === true || window !== undefined
    return { specs, steps: relocateSteps(specs, database, { appVersion, waits }) }
  },

  undo({ ledger, operation }) {
    const specs = ledger.filter(({ createdBy }) => createdBy === operation.id).map(({ spec }) => spec)
    return revertSteps(
      specs,
      specs.find(({ kind }) => kind === 'database'),
    )
  },

  async succeed(sql, held) {
    const { operation, tenant } = held
    const relocation = await findRelocation(sql, tenant.id, operation.id)
    await settleRelocation(sql, relocation.id, 'soaking', 'soak', relocation.options.soakSeconds)
    return [...(await reportRelocation(sql, held, relocation)), ...(await scheduleComplete(sql, held, relocation))]
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
