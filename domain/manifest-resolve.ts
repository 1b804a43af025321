import { FreeholdError, type ErrorDetail } from './errors.ts'
import type { Manifest } from './manifest.ts'
import type { Plan, Platform } from './platform.ts'

/** A manifest with every default filled in and frozen; contacts are apart, because they are stored sealed. */
export type ResolvedManifest = ReturnType<typeof resolve>
export type Contact = { role: string; email: string }

/**
 * Checks a manifest against what is configured and fills in the defaults. Pure: the same manifest and platform always
 * give the same result. Throws `not_available` or `isolation_not_available` for what is not built yet,
 * `…_not_configured`, `schema_version_unknown` and `policy_denied`, each naming the path and what is possible.
 * @param schemaVersions versions of the migration source, ascending; empty where none is configured
 */
export function resolveManifest(
  manifest: Manifest,
  platform: Platform,
  schemaVersions: readonly string[],
): { resolved: ResolvedManifest; contacts: Contact[] } {
  refuseUnavailable(manifest)
  const { spec } = manifest
  const plan = named('plan', platform.plans, spec.plan)
  const region = named('region', platform.regions, spec.region)
  if (!platform.cells.some((cell) => cell.profiles.includes(spec.profile)))
    throw refusal('profile_not_configured', 'spec.profile', `no cell offers profile "${spec.profile}"`)
  const residency = spec.policies?.residency ?? region.residency
  if (residency !== region.residency)
    throw refusal(
      'policy_denied',
      'spec.policies.residency',
      `residency "${residency}" is not met by region "${region.name}", whose residency is "${region.residency}"`,
    )
  return {
    resolved: resolve(manifest, plan, residency, schemaVersion(spec.schema?.appVersion, schemaVersions)),
    contacts: spec.contacts ?? [],
  }
}

function resolve(
  { apiVersion, kind, metadata, spec }: Manifest,
  plan: Plan,
  residency: string,
  appVersion: string | null,
) {
  return {
    apiVersion,
    kind,
    metadata: { slug: metadata.slug, name: metadata.name, labels: metadata.labels ?? {} },
    spec: {
      profile: spec.profile,
      plan: spec.plan,
      region: spec.region,
      environments: spec.environments.map(({ name }) => ({ name })),
      isolation: { database: 'schema' as const },
      schema: { appVersion },
      quotas: withinPlan(spec.quotas ?? {}, plan),
      policies: {
        residency,
        retention: spec.policies?.retention ?? 'P30D',
        encryption: 'tenant-key' as const,
        deleteProtection: false,
      },
      features: spec.features ?? {},
      settings: spec.settings ?? {},
    },
  }
}

/** What the schema knows and this release cannot do is refused by name: a field must never be accepted in silence. */
function refuseUnavailable({ metadata, spec }: Manifest): void {
  const given: [string, boolean][] = [
    ['metadata.parent', metadata.parent !== undefined],
    ['spec.profile', spec.profile === 'st-dedicated' || spec.profile === 'st-byoc'],
    ['spec.policies.deleteProtection', spec.policies?.deleteProtection === true],
    ['spec.extensions', (spec.extensions ?? []).length > 0],
    ...spec.environments.flatMap((environment, index) =>
      (['profile', 'database'] as const).map((key): [string, boolean] => [
        `spec.environments.${index}.${key}`,
        environment[key] !== undefined,
      ]),
    ),
  ]
  const path = given.find(([, isGiven]) => isGiven)?.[0]
  if (path !== undefined) throw refusal('not_available', path, `${path} is not available in this release; leave it out`)
  const isolations: [string, Manifest['spec']['isolation']][] = [
    ['spec.isolation', spec.isolation],
    ...spec.environments.map((environment, index): [string, Manifest['spec']['isolation']] => [
      `spec.environments.${index}.isolation`,
      environment.isolation,
    ]),
  ]
  for (const [at, isolation] of isolations) {
    if (isolation?.overrides !== undefined)
      throw refusal(
        'isolation_not_available',
        `${at}.overrides`,
        'isolation per data class is not available in this release',
      )
    if (isolation?.database !== undefined && isolation.database !== 'schema')
      throw refusal(
        'isolation_not_available',
        `${at}.database`,
        `isolation "${isolation.database}" is not available in this release; "schema" is`,
      )
  }
}

function withinPlan(
  wanted: {
    storageGiB?: number | undefined
    requestsPerSecond?: number | undefined
    concurrentTasks?: number | undefined
  },
  plan: Plan,
) {
  const quota = (name: keyof Plan['quotas']): number => {
    const value = wanted[name] ?? plan.quotas[name]
    if (value > plan.quotas[name])
      throw refusal(
        'policy_denied',
        `spec.quotas.${name}`,
        `${value} is more than plan "${plan.name}" allows (${plan.quotas[name]})`,
      )
    return value
  }
  return {
    storageGiB: quota('storageGiB'),
    requestsPerSecond: quota('requestsPerSecond'),
    concurrentTasks: quota('concurrentTasks'),
  }
}

function schemaVersion(wanted: string | undefined, available: readonly string[]): string | null {
  if (wanted === undefined) return available.at(-1) ?? null
  if (available.includes(wanted)) return wanted
  throw refusal(
    'schema_version_unknown',
    'spec.schema.appVersion',
    `there is no migration set ${wanted}; there is: ${available.join(', ') || 'none configured'}`,
  )
}

function named<T extends { name: string }>(what: 'plan' | 'region', list: readonly T[], name: string): T {
  const found = list.find((item) => item.name === name)
  if (found !== undefined) return found
  throw refusal(
    `${what}_not_configured`,
    `spec.${what}`,
    `${what} "${name}" is not configured; there is: ${list.map((item) => item.name).join(', ')}`,
  )
}

function refusal(
  code:
    | 'not_available'
    | 'isolation_not_available'
    | 'profile_not_configured'
    | 'plan_not_configured'
    | 'region_not_configured'
    | 'schema_version_unknown'
    | 'policy_denied',
  path: string,
  message: string,
): FreeholdError {
  const details: ErrorDetail[] = [{ path, message }]
  return new FreeholdError(code, message, { details })
}
