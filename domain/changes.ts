import { sameJson, type JsonObject } from './json.ts'
import type { ResourceSpec } from './resources.ts'

/** A resource as the ledger has it. */
export type Recorded = {
  readonly key: string
  readonly spec: ResourceSpec
  /** How it was, while an operation brings it to `spec`, and after one that could not bring it back. */
  readonly before: ResourceSpec | null
  readonly state: 'planned' | 'present'
  readonly facts: JsonObject
}

/** What has to be done so that what is recorded becomes what is wanted. */
export type Changes = {
  readonly create: readonly ResourceSpec[]
  readonly change: readonly { readonly spec: ResourceSpec; readonly from: ResourceSpec }[]
  readonly migrate: readonly { readonly spec: ResourceSpec; readonly from: string | null }[]
  readonly remove: readonly Recorded[]
}

/**
 * Compares what the strategies want with what the ledger has; what is alike in both is not touched.
 * @param appVersion migration set that is wanted; null for none
 */
export function changesOf(
  wanted: readonly ResourceSpec[],
  ledger: readonly Recorded[],
  appVersion: string | null,
): Changes {
  const known = new Map(ledger.map((entry) => [entry.key, entry]))
  const present = wanted.flatMap((spec) => {
    const entry = known.get(spec.key)
    return entry?.state === 'present' ? [{ spec, entry }] : []
  })
  const made = new Set(present.map(({ spec }) => spec.key))
  const keys = new Set(wanted.map(({ key }) => key))
  const environments = new Set(wanted.map(({ environment }) => environment))
  return {
    create: wanted.filter(({ key }) => !made.has(key)),
    change: present
      .filter(({ spec, entry }) => entry.before !== null || !sameSpec(spec, entry.spec))
      .map(({ spec, entry }) => ({ spec, from: entry.before ?? entry.spec })),
    migrate: wanted
      .filter(({ kind }) => kind === 'database')
      .map((spec) => ({ spec, from: schemaVersionOf(known.get(spec.key)) }))
      .filter(({ from }) => appVersion !== null && (from === null || isOlder(from, appVersion))),
    // An archive stays as long as its environment does.
    remove: ledger.filter(
      ({ key, spec }) => !keys.has(key) && !(spec.kind === 'archive' && environments.has(spec.environment)),
    ),
  }
}

/** Whether two specs of a key ask the world for the same. */
export function sameSpec(a: ResourceSpec, b: ResourceSpec): boolean {
  return a.name === b.name && a.cell === b.cell && sameJson(a.properties, b.properties)
}

/** Version that the schema of a recorded database has; null for none. */
export function schemaVersionOf(entry: Pick<Recorded, 'facts'> | undefined): string | null {
  const version = entry?.facts['schemaVersion']
  return typeof version === 'string' ? version : null
}

/** Whether a version such as 1.4.0 comes before another. */
export function isOlder(version: string, than: string): boolean {
  const [one, other] = [version, than].map((text) => text.split('.').map(Number)) as [number[], number[]]
  const at = one.findIndex((part, index) => part !== other[index])
  return at >= 0 && (one[at] ?? 0) < (other[at] ?? 0)
}
