import { FreeholdError, type ErrorDetail } from './errors.ts'
import type { Command } from './lifecycle.ts'
import type { ResolvedManifest } from './manifest-resolve.ts'
import { defaultCommands, isGoverned, type Rule } from './policy.ts'

/** A rule that is broken: where, what is wrong, and how to satisfy it. */
export type Violation = {
  readonly rule: string
  readonly path: string
  readonly message: string
  readonly remedy: string
}

type Finding = Omit<Violation, 'rule'>

/**
 * Every rule that a command on a tenant with this manifest breaks, in their order. Pure: the same rules, command and
 * manifest always give the same. A command that no rule can be about, such as suspend, breaks none.
 */
export function brokenRules(
  rules: readonly Rule[],
  { command, manifest }: { command: Command; manifest: ResolvedManifest },
): Violation[] {
  return rules
    .filter((rule) => isAbout(rule, command, manifest))
    .flatMap((rule) =>
      findings(rule, manifest).map((finding) => ({
        ...finding,
        rule: rule.name,
        remedy: rule.remedy ?? finding.remedy,
      })),
    )
}

function isAbout({ kind, applies = {} }: Rule, command: Command, { spec, metadata }: ResolvedManifest): boolean {
  const commands: readonly Command[] = applies.commands ?? defaultCommands[kind]
  const { profiles, plans, regions, labels = {} } = applies.tenants ?? {}
  const own: Readonly<Record<string, string>> = metadata.labels
  return (
    isGoverned(command) &&
    commands.includes(command) &&
    (profiles?.includes(spec.profile) ?? true) &&
    (plans?.includes(spec.plan) ?? true) &&
    (regions?.includes(spec.region) ?? true) &&
    Object.entries(labels).every(([name, value]) => own[name] === value)
  )
}

function findings(rule: Rule, { spec }: ResolvedManifest): Finding[] {
  switch (rule.kind) {
    case 'residency': {
      const { regions, residencies } = rule.allowed
      const { residency } = spec.policies
      return [
        ...unlisted('spec.region', 'region', spec.region, regions),
        ...unlisted('spec.policies.residency', 'residency', residency, residencies),
      ]
    }
    case 'encryption':
      return unlisted('spec.policies.encryption', 'encryption', spec.policies.encryption, [rule.required])
    case 'retention':
      return retention(daysOf(spec.policies.retention), rule)
    case 'plan':
      return [
        ...unlisted('spec.plan', 'plan', spec.plan, rule.allowed.plans),
        ...unlisted('spec.profile', 'profile', spec.profile, rule.allowed.profiles),
      ]
    case 'quota':
      return quotasBeyond(spec.quotas, rule.maximum)
  }
}

function unlisted(path: string, what: string, value: string, allowed: readonly string[] | undefined): Finding[] {
  if (allowed === undefined || allowed.includes(value)) return []
  const list = allowed.join(', ')
  return [{ path, message: `${what} "${value}" is not allowed; allowed: ${list}`, remedy: `set ${path} to ${list}` }]
}

function retention(
  days: number,
  { minimumDays = 0, maximumDays = Infinity }: { minimumDays?: number | undefined; maximumDays?: number | undefined },
): Finding[] {
  const path = 'spec.policies.retention'
  if (days < minimumDays)
    return [
      {
        path,
        message: `retention of ${days} days is below the minimum of ${minimumDays}`,
        remedy: `set ${path} to P${minimumDays}D or more`,
      },
    ]
  if (days > maximumDays)
    return [
      {
        path,
        message: `retention of ${days} days is beyond the maximum of ${maximumDays}`,
        remedy: `set ${path} to P${maximumDays}D or less`,
      },
    ]
  return []
}

/** Days of a duration as the manifest has them, such as P30D. */
function daysOf(duration: string): number {
  return Number(duration.slice(1, -1))
}

type Quotas = ResolvedManifest['spec']['quotas']

/** Quotas that go beyond a maximum; of the plan or of a rule, told alike. */
export function quotasBeyond(
  quotas: Quotas,
  maximum: { readonly [Q in keyof Quotas]?: number | undefined },
): Finding[] {
  return (Object.keys(quotas) as (keyof Quotas)[]).flatMap((name) => {
    const [value, most] = [quotas[name], maximum[name]]
    if (most === undefined || value <= most) return []
    const path = `spec.quotas.${name}`
    return [
      {
        path,
        message: `${name} ${value} is more than the ${most} that are allowed`,
        remedy: `set ${path} to ${most} or less`,
      },
    ]
  })
}

/** What is known of a denial beside the rules. */
type Denial = { command?: Command; policyVersion?: number; tenantId?: string }

/** The refusal of a command by rules: each is named, with where it is broken and how to satisfy it. */
export function denied(
  violations: readonly Violation[],
  { command, policyVersion, tenantId }: Denial = {},
): FreeholdError {
  const details: ErrorDetail[] = violations.map(({ rule, path, message, remedy }) => ({
    rule,
    path,
    message: `${message} (rule ${rule}; ${remedy})`,
    remedy,
  }))
  const rules = [...new Set(violations.map(({ rule }) => rule))]
  const told = details.slice(0, 5).map(({ path, message }) => `${path}: ${message}`)
  const more = details.length > told.length ? [`and ${details.length - told.length} more`] : []
  return new FreeholdError(
    'policy_denied',
    `${command ?? 'the manifest'} is denied by ${rules.length} rule${rules.length === 1 ? '' : 's'}: ${[...told, ...more].join('; ')}`,
    {
      details,
      facts: {
        rules,
        ...(command === undefined ? {} : { command }),
        ...(policyVersion === undefined ? {} : { policyVersion }),
        ...(tenantId === undefined ? {} : { tenantId }),
      },
    },
  )
}
