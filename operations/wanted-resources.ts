import { archiveSpec } from '../domain/archive-steps.ts'
import { FreeholdError } from '../domain/errors.ts'
import type { Plan } from '../domain/platform.ts'
import { specVersion, type ResourceSpec } from '../domain/resources.ts'
import { resourcesOf } from '../isolation/strategies/by-profile.ts'
import type { Facts, LedgerEntry } from './kinds/kind.ts'

type Asked = Pick<Facts, 'manifest' | 'placements'> & {
  readonly tenant: Pick<Facts['tenant'], 'id' | 'code'>
  readonly platform: Pick<Facts['platform'], 'plans'>
}

/** What the strategies ask for in every environment that the manifest names. Throws `plan_not_configured`. */
export function wantedResources(facts: Asked): ResourceSpec[] {
  const { platform, manifest } = facts
  const plan = platform.plans.find(({ name }) => name === manifest.spec.plan)
  const names = new Set(manifest.spec.environments.map(({ name }) => name))
  const placements = facts.placements.filter(({ environment }) => names.has(environment))
  if (plan !== undefined) return byStrategy({ ...facts, placements }, plan)
  throw new FreeholdError('plan_not_configured', `plan "${manifest.spec.plan}" is no longer in the platform file`)
}

/**
 * The ledger with entries of an older version described anew by the strategy of their placement, so that a property which
 * came later never makes an old resource unremovable. What no strategy asks for any more stays as it is, and so does what
 * newer code has written: a step that meets it is refused.
 */
export function rewrittenLedger(facts: Asked & Pick<Facts, 'ledger'>): {
  ledger: LedgerEntry[]
  rewritten: LedgerEntry[]
} {
  if (facts.ledger.every((entry) => entry.specVersion >= specVersion))
    return { ledger: [...facts.ledger], rewritten: [] }
  const { name, quotas } = { name: facts.manifest.spec.plan, quotas: facts.manifest.spec.quotas }
  const known = facts.platform.plans.find((plan) => plan.name === name)
  // A plan that is no longer on offer must not keep a tenant from being removed.
  const specs = byStrategy(facts, known ?? { name, quotas, weight: 1, databaseConnections: 1 })
  const ledger = facts.ledger.map((entry) => {
    const spec = entry.spec.kind === 'archive' ? archiveOf(facts, entry) : specs.find(({ key }) => key === entry.key)
    return entry.specVersion >= specVersion || spec === undefined ? entry : { ...entry, spec, specVersion }
  })
  return { ledger, rewritten: ledger.filter((entry, index) => entry !== facts.ledger[index]) }
}

/** An archive outlives what the strategies ask for. */
function archiveOf({ tenant }: Asked, { spec: { environment, placement: number, cell } }: LedgerEntry): ResourceSpec {
  return archiveSpec(tenant.code, { environment, number, cell })
}

function byStrategy({ tenant, manifest, placements }: Asked, plan: Plan): ResourceSpec[] {
  const { quotas } = manifest.spec
  const specs = placements.flatMap((placement) =>
    resourcesOf({ tenant, placement, site: placement.site, plan, quotas }),
  )
  // What placements of an environment share is asked for by each of them, and is one resource.
  return [...new Map(specs.map((spec) => [spec.key, spec])).values()]
}
