import { sameSpec, schemaVersionOf, type Recorded } from './changes.ts'
import { sameJson, type Json, type JsonObject } from './json.ts'
import type { PlacementState } from './placement.ts'
import type { ResourceKind, ResourceSpec } from './resources.ts'

/** What was found in the world under the name of one resource; no secrets. */
export type Observed = { readonly key: string } & (
  | { readonly exists: false }
  | { readonly exists: true; readonly owner: string | null; readonly frozen: boolean; readonly facts: JsonObject }
  | { readonly exists: null; readonly code: string; readonly message: string }
)

/** How what is there differs from what should be. */
export const driftKinds = [
  'missing',
  'unexpected',
  'not-owned',
  'open',
  'closed',
  'property',
  'schema',
  'not-observed',
] as const
export type Drift = {
  readonly resource: string
  readonly kind: (typeof driftKinds)[number]
  readonly message: string
  readonly expected?: Json | undefined
  readonly observed?: Json | undefined
}

/** What there should be, and what there is. */
export type Compared = {
  readonly tenantId: string
  /** What the strategies ask for, by the manifest in force. */
  readonly desired: readonly ResourceSpec[]
  readonly ledger: readonly Recorded[]
  readonly observed: readonly Observed[]
  /** State of the placement that each environment lives in. */
  readonly sides: Readonly<Record<string, PlacementState>>
  readonly appVersion: string | null
}

/** Kinds that have a door of their own to close. */
const withDoor: readonly ResourceKind[] = ['database', 'object-store', 'network', 'topic']

/** Where the world, the ledger and the manifest in force disagree, in the order of the resources. Pure. */
export function driftOf({ tenantId, desired, ledger, observed, sides, appVersion }: Compared): Drift[] {
  const wanted = new Map(desired.map((spec) => [spec.key, spec]))
  const found = new Map(observed.map((one) => [one.key, one]))
  const known = new Set(ledger.map(({ key }) => key))
  const drift = [
    ...desired
      .filter(({ key }) => !known.has(key))
      .map(({ key }) => drifted(key, 'missing', 'the manifest asks for it, and the ledger does not have it')),
    ...ledger.flatMap((entry) => {
      const spec = wanted.get(entry.key)
      // It is asked for by no manifest, and stays as long as the tenant.
      if (entry.spec.kind === 'archive') return ofWorld(entry, found.get(entry.key), tenantId, undefined)
      if (spec === undefined)
        return [drifted(entry.key, 'unexpected', 'the ledger has it, and the manifest does not ask for it')]
      return [
        ...ofSpec(spec, entry),
        ...ofSchema(entry, appVersion),
        ...ofWorld(entry, found.get(entry.key), tenantId, sides[entry.spec.environment]),
      ]
    }),
  ]
  return drift.toSorted((a, b) => (a.resource < b.resource ? -1 : a.resource > b.resource ? 1 : 0))
}

function drifted(resource: string, kind: Drift['kind'], message: string, values: Partial<Drift> = {}): Drift {
  return { resource, kind, message, ...values }
}

/** The ledger against the manifest, for a platform file may have changed since. */
function ofSpec(spec: ResourceSpec, { key, spec: recorded }: Recorded): Drift[] {
  if (sameSpec(spec, recorded)) return []
  const message = 'the ledger has other properties than the manifest and the platform file ask for now'
  return [drifted(key, 'property', message, { expected: spec.properties, observed: recorded.properties })]
}

function ofSchema(entry: Recorded, appVersion: string | null): Drift[] {
  const version = schemaVersionOf(entry)
  if (entry.spec.kind !== 'database' || appVersion === null || version === appVersion) return []
  return [
    drifted(entry.key, 'schema', 'its schema has another version than the manifest asks for', {
      expected: appVersion,
      observed: version,
    }),
  ]
}

function ofWorld(
  { key, spec }: Recorded,
  found: Observed | undefined,
  tenantId: string,
  side: PlacementState | undefined,
): Drift[] {
  if (found === undefined) return [drifted(key, 'not-observed', 'nobody looked')]
  if (found.exists === null) return [drifted(key, 'not-observed', `${found.code}: ${found.message}`)]
  if (!found.exists) return [drifted(key, 'missing', 'it is not there')]
  if (found.owner !== tenantId)
    return [drifted(key, 'not-owned', 'what is there does not carry the mark of this tenant')]
  return [...ofParts(key, found.facts), ...ofFacts(key, spec, found.facts), ...ofDoor(key, spec, found, side)]
}

function ofParts(key: string, { missing }: JsonObject): Drift[] {
  if (!Array.isArray(missing) || missing.length === 0) return []
  return [drifted(key, 'missing', `parts of it are not there: ${missing.join(', ')}`, { observed: missing })]
}

/** What is observed under the name of a property has to be that property. */
function ofFacts(key: string, { properties }: ResourceSpec, facts: JsonObject): Drift[] {
  return Object.entries<Json>(properties)
    .filter(([name, value]) => facts[name] !== undefined && facts[name] !== null && !sameJson(facts[name], value))
    .map(([name, expected]) => drifted(key, 'property', `${name} differs`, { expected, observed: facts[name] }))
}

/** One that has several doors is closed to its tenant by any of them, and safely closed by all of them alone. */
function ofDoor(
  key: string,
  { kind }: ResourceSpec,
  { frozen, facts: { openDoors = [] } }: { readonly frozen: boolean; readonly facts: JsonObject },
  side: PlacementState | undefined,
): Drift[] {
  if (!withDoor.includes(kind)) return []
  if (side === 'active' && frozen) return [drifted(key, 'closed', 'it is closed, and its environment is active')]
  const ajar = Array.isArray(openDoors) ? openDoors : []
  if (side !== 'suspended' || (frozen && ajar.length === 0)) return []
  const which = ajar.length === 0 ? 'it is open' : `it is open (${ajar.join(', ')})`
  return [drifted(key, 'open', `${which}, and its environment is suspended`)]
}
