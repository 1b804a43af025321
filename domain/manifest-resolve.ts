import { FreeholdError, type ErrorDetail } from './errors.ts'
import type { Manifest } from './manifest.ts'
import type { Plan, Platform } from './platform.ts'
import { denied, quotasBeyond, type Violation } from './policy-evaluate.ts'

/** A manifest with every default filled in and frozen; contacts are apart, because they are stored sealed. */
export type ResolvedManifest = ReturnType<typeof resolve>
/** The profile whose databases are on a server of the tenant's own. */
export const ownServerProfile = 'st-byoc'

export type Contact = { role: string; email: string }

/**
 * Checks a manifest against what is configured and fills in the defaults. Pure: the same manifest and platform always
 * give the same result. Throws `not_available` or `isolation_not_available` for what is not built yet,
 * `…_not_configured`, `schema_version_unknown` and `policy_denied`, each naming the path and what is possible.
 * @param schemaVersions versions of the migration source, ascending; empty where none is configured
 * @param tenantId the tenant that is there already, so that a denial is told on its stream
 */
export function resolveManifest(
  manifest: Manifest,
  platform: Platform,
  schemaVersions: readonly string[],
  tenantId?: string,
): { resolved: ResolvedManifest; contacts: Contact[] } {
  const { violations, ...full } = resolveAndJudge(manifest, platform, schemaVersions)
  if (violations.length > 0) throw denied(violations, tenantId === undefined ? {} : { tenantId })
  return full
}

/** As `resolveManifest`, for who only wants to know: what the platform file denies is told, not thrown. */
export function resolveAndJudge(
  manifest: Manifest,
  platform: Platform,
  schemaVersions: readonly string[],
): { resolved: ResolvedManifest; contacts: Contact[]; violations: Violation[] } {
  refuseUnavailable(manifest)
  const { spec } = manifest
  const plan = named('plan', platform.plans, spec.plan)
  const region = named('region', platform.regions, spec.region)
  if (!platform.cells.some((cell) => cell.profiles.includes(spec.profile)))
    throw refusal('profile_not_configured', 'spec.profile', `no cell offers profile "${spec.profile}"`)
  const residency = spec.policies?.residency ?? region.residency
  const resolved = resolve(manifest, plan, residency, schemaVersion(spec.schema?.appVersion, schemaVersions))
  return { resolved, contacts: spec.contacts ?? [], violations: beyondPlatform(resolved, plan, region) }
}

/** Rules that the platform file makes by what it offers; they are told as those of the policy are. */
function beyondPlatform({ spec }: ResolvedManifest, plan: Plan, region: Platform['regions'][number]): Violation[] {
  const { residency } = spec.policies
  const path = 'spec.policies.residency'
  const unmet = {
    rule: 'platform/region-residency',
    path,
    message: `residency "${residency}" is not met by region "${region.name}", whose residency is "${region.residency}"`,
    remedy: `leave ${path} out, or take a region of that residency`,
  }
  return [
    ...(residency === region.residency ? [] : [unmet]),
    ...quotasBeyond(spec.quotas, plan.quotas).map((finding) => ({ ...finding, rule: `platform/plan-${plan.name}` })),
  ]
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
      environments: spec.environments.map(({ name, database }) => ({
        name,
        ...(database === undefined ? {} : { database }),
      })),
      isolation: { database: isolationOf(spec.profile) },
      schema: { appVersion },
      quotas: quotasOf(spec.quotas ?? {}, plan),
      policies: {
        residency,
        retention: spec.policies?.retention ?? 'P30D',
        encryption: 'tenant-key' as const,
        deleteProtection: spec.policies?.deleteProtection ?? false,
      },
      features: spec.features ?? {},
      settings: spec.settings ?? {},
    },
  }
}

/**
 * What the schema knows and this release cannot do is refused by name: a field must never be accepted in silence. That
 * holds for a value that asks for no more than the default as well, because nothing would keep it; only what the resolved
 * manifest holds (`isolation.database`) may be said.
 */
function refuseUnavailable({ metadata, spec }: Manifest): void {
  refuseGiven('metadata.parent', metadata.parent)
  refuseGiven('spec.extensions', spec.extensions)
  refuseIsolation('spec.isolation', spec.isolation, isolationOf(spec.profile))
  for (const [index, environment] of spec.environments.entries()) {
    const path = `spec.environments.${index}`
    refuseGiven(`${path}.profile`, environment.profile)
    refuseServer(`${path}.database`, environment.database, spec.profile)
    refuseIsolation(`${path}.isolation`, environment.isolation, isolationOf(spec.profile))
    refuseGiven(`${path}.isolation`, environment.isolation)
  }
}

function refuseGiven(path: string, value: unknown): void {
  if (value !== undefined)
    throw refusal('not_available', path, `${path} is not available in this release; leave it out`)
}

/** A server of the tenant's own is needed by the profile that puts the database there, and by no other. */
function refuseServer(path: string, server: { secretRef: string } | undefined, profile: string): void {
  const isNeeded = profile === ownServerProfile
  if (isNeeded && server === undefined)
    throw refusal(
      'manifest_invalid',
      path,
      `profile "${profile}" needs ${path}: { secretRef: NAME }, a secret with the connection URL of the tenant's server`,
    )
  if (!isNeeded && server !== undefined)
    throw refusal(
      'manifest_invalid',
      path,
      `${path} is for profile "${ownServerProfile}"; leave it out, or take that profile`,
    )
}

/** How a profile isolates the database of a tenant. */
function isolationOf(profile: string): 'schema' | 'database' {
  return profile === 'mt-standard' ? 'schema' : 'database'
}

/** Kinds of isolation that a profile does not have, or that are not built yet, have a code of their own. */
function refuseIsolation(
  path: string,
  isolation: Manifest['spec']['isolation'],
  available: 'schema' | 'database',
): void {
  if (isolation?.overrides !== undefined)
    throw refusal(
      'isolation_not_available',
      `${path}.overrides`,
      'isolation per data class is not available in this release',
    )
  if (isolation?.database !== undefined && isolation.database !== available)
    throw refusal(
      'isolation_not_available',
      `${path}.database`,
      `isolation "${isolation.database}" is not available in this profile and release; "${available}" is`,
    )
}

function quotasOf(
  wanted: {
    storageGiB?: number | undefined
    requestsPerSecond?: number | undefined
    concurrentTasks?: number | undefined
  },
  plan: Plan,
) {
  return {
    storageGiB: wanted.storageGiB ?? plan.quotas.storageGiB,
    requestsPerSecond: wanted.requestsPerSecond ?? plan.quotas.requestsPerSecond,
    concurrentTasks: wanted.concurrentTasks ?? plan.quotas.concurrentTasks,
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
    | 'manifest_invalid'
    | 'isolation_not_available'
    | 'profile_not_configured'
    | 'plan_not_configured'
    | 'region_not_configured'
    | 'schema_version_unknown',
  path: string,
  message: string,
): FreeholdError {
  const details: ErrorDetail[] = [{ path, message }]
  return new FreeholdError(code, message, { details })
}
