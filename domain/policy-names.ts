import type { ErrorDetail } from './errors.ts'
import type { Platform } from './platform.ts'
import type { Rule } from './policy.ts'

/** Names in rules that the platform file does not have: a rule with a typo would deny everything, or nothing. */
export function unknownNames(rules: readonly Rule[], platform: Platform): ErrorDetail[] {
  const known = {
    region: platform.regions.map(({ name }) => name),
    residency: platform.regions.map(({ residency }) => residency),
    plan: platform.plans.map(({ name }) => name),
    profile: [...new Set(platform.cells.flatMap(({ profiles }) => profiles))],
  }
  return rules.flatMap((rule, index) =>
    named(rule).flatMap(({ path, what, names = [] }) =>
      names.flatMap((name, at) =>
        known[what].includes(name)
          ? []
          : [
              {
                path: `rules.${index}.${path}.${at}`,
                message: `${what} "${name}" is not in the platform file; there is: ${known[what].join(', ')}`,
              },
            ],
      ),
    ),
  )
}

type Named = { path: string; what: 'region' | 'residency' | 'plan' | 'profile'; names: readonly string[] | undefined }

function named(rule: Rule): Named[] {
  const { tenants = {} } = rule.applies ?? {}
  return [
    { path: 'applies.tenants.profiles', what: 'profile', names: tenants.profiles },
    { path: 'applies.tenants.plans', what: 'plan', names: tenants.plans },
    { path: 'applies.tenants.regions', what: 'region', names: tenants.regions },
    ...(rule.kind === 'residency'
      ? [
          { path: 'allowed.regions', what: 'region' as const, names: rule.allowed.regions },
          { path: 'allowed.residencies', what: 'residency' as const, names: rule.allowed.residencies },
        ]
      : []),
    ...(rule.kind === 'plan'
      ? [
          { path: 'allowed.plans', what: 'plan' as const, names: rule.allowed.plans },
          { path: 'allowed.profiles', what: 'profile' as const, names: rule.allowed.profiles },
        ]
      : []),
  ]
}
