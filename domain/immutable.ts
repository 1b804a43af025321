import { isOlder } from './changes.ts'
import { FreeholdError, type ErrorDetail } from './errors.ts'
import { sameJson } from './json.ts'
import type { ResolvedManifest } from './manifest-resolve.ts'

const moves =
  'move its environments with the command relocate; the manifest keeps the profile that the tenant was made with'
const anew = 'make a new tenant'

/**
 * Throws `field_immutable`, with each place and what to do instead, when a manifest changes what cannot change in a tenant that
 * exists. Environments that are added or removed are no such change.
 * @param current the manifest in force; of a tenant that was never made, the newest
 */
export function assertChangeable(
  current: ResolvedManifest,
  wished: ResolvedManifest,
  { wasMade }: { wasMade: boolean },
): void {
  const details = [
    ...fixed('metadata.slug', current.metadata.slug, wished.metadata.slug, 'make a new tenant under the other slug'),
    ...fixed('spec.profile', current.spec.profile, wished.spec.profile, moves),
    ...fixed('spec.region', current.spec.region, wished.spec.region, anew),
    ...fixed('spec.isolation', current.spec.isolation, wished.spec.isolation, anew),
    ...environments(current, wished),
    ...(wasMade ? downgrade(current.spec.schema.appVersion, wished.spec.schema.appVersion) : []),
  ]
  const [first] = details
  if (first === undefined) return
  throw new FreeholdError('field_immutable', `${first.path}: ${first.message}`, { details })
}

function fixed(path: string, from: unknown, to: unknown, remedy: string): ErrorDetail[] {
  if (sameJson(from, to)) return []
  return [{ path, message: `cannot change from ${shown(from)} to ${shown(to)}; ${remedy}`, remedy }]
}

const shown = (value: unknown) => (value === undefined ? 'the default' : JSON.stringify(value))

/** Whatever an environment says besides its name. */
function environments(current: ResolvedManifest, wished: ResolvedManifest): ErrorDetail[] {
  return wished.spec.environments.flatMap((to, at) => {
    const from = current.spec.environments.find(({ name }) => name === to.name)
    if (from === undefined) return []
    const [one, other]: Record<string, unknown>[] = [from, to]
    const fields = new Set([...Object.keys(from), ...Object.keys(to)])
    return [...fields].flatMap((field) => fixed(`spec.environments.${at}.${field}`, one?.[field], other?.[field], anew))
  })
}

function downgrade(from: string | null, to: string | null): ErrorDetail[] {
  if (from === null || (to !== null && !isOlder(to, from))) return []
  const remedy = `keep ${from}, or write what is to be taken back into a newer migration set`
  return [
    { path: 'spec.schema.appVersion', message: `cannot go back from ${from} to ${to ?? 'none'}; ${remedy}`, remedy },
  ]
}
