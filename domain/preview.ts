import type { Changes } from './changes.ts'
import { sameJson, type Json, type JsonObject } from './json.ts'
import type { Contact, ResolvedManifest } from './manifest-resolve.ts'
import type { Step } from './operation.ts'
import type { Violation } from './policy-evaluate.ts'
import type { ResourceKind, ResourceSpec } from './resources.ts'

/** What would become of one resource. `irreversible`: nothing gives back what was there. */
export type PreviewedChange = {
  readonly action: 'create' | 'change' | 'migrate' | 'remove'
  readonly resource: string
  readonly kind: ResourceKind
  readonly environment: string
  /** Cell or bus; null while a tenant that does not exist has none yet. */
  readonly cell: string | null
  /** What differs; null where there is nothing to compare. */
  readonly from: JsonObject | null
  readonly to: JsonObject | null
  readonly irreversible: boolean
  /** Titles of its steps, in their order. */
  readonly steps: readonly string[]
}

/** A field of the manifest that differs; what is sensitive is named and not shown. */
export type PreviewedField = { readonly path: string; readonly from?: Json | undefined; readonly to?: Json | undefined }

/** What applying a manifest would do. */
export type Preview = {
  readonly slug: string
  readonly operation: 'provision' | 'update' | null
  /** Of the manifest once it is applied. */
  readonly generation: number
  readonly changed: boolean
  readonly fields: readonly PreviewedField[]
  readonly changes: readonly PreviewedChange[]
  readonly violations: readonly Violation[]
}

/** A manifest with its contacts. */
export type Full = { readonly resolved: ResolvedManifest; readonly contacts: readonly Contact[] }

/**
 * Says of each change what it does and by which steps. Pure, and made from what the operation itself would be made from.
 * @param isNew whether there is no tenant yet, and so no cell either
 */
export function previewChanges(
  changes: Changes,
  steps: readonly Step[],
  { isNew, appVersion }: { isNew: boolean; appVersion: string | null },
): PreviewedChange[] {
  const change = (action: PreviewedChange['action'], spec: ResourceSpec, more: Partial<PreviewedChange> = {}) => ({
    action,
    resource: spec.key,
    kind: spec.kind,
    environment: spec.environment,
    cell: isNew ? null : spec.cell,
    from: null,
    to: null,
    irreversible: false,
    steps: steps
      .filter((step) => step.resource === spec.key && actions[action].includes(step.action))
      .map(({ title }) => title),
    ...more,
  })
  const created = new Set(changes.create.map(({ key }) => key))
  return [
    ...changes.create.map((spec) => change('create', spec)),
    ...changes.change.map(({ spec, from }) => change('change', spec, difference(from.properties, spec.properties))),
    ...changes.migrate.map(({ spec, from }) =>
      change('migrate', spec, {
        from: { schemaVersion: from },
        to: { schemaVersion: appVersion },
        irreversible: !created.has(spec.key),
      }),
    ),
    ...changes.remove.map(({ spec }) => change('remove', spec, { irreversible: true })),
  ]
}

const actions: Readonly<Record<PreviewedChange['action'], readonly Step['action'][]>> = {
  create: ['ensure'],
  change: ['ensure'],
  migrate: ['migrate'],
  remove: ['freeze', 'remove'],
}

function difference(before: JsonObject, after: JsonObject) {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => !sameJson(before[name], after[name]),
  )
  const only = (of: JsonObject) => Object.fromEntries(names.map((name) => [name, of[name] ?? null]))
  return { from: only(before), to: only(after) }
}

/** The fields in which two manifests differ, in the order of their paths. */
export function fieldsBetween(from: Full, to: Full): PreviewedField[] {
  const fields = differing('', from.resolved, to.resolved)
  const contacts = sameJson(from.contacts, to.contacts) ? [] : [{ path: 'spec.contacts' }]
  return [...fields, ...contacts].toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

function differing(path: string, from: unknown, to: unknown): PreviewedField[] {
  if (sameJson(from, to)) return []
  if (!isObject(from) || !isObject(to)) return [{ path, from: from as Json | undefined, to: to as Json | undefined }]
  const names = new Set([...Object.keys(from), ...Object.keys(to)])
  return [...names].flatMap((name) => differing(path === '' ? name : `${path}.${name}`, own(from, name), own(to, name)))
}

const own = (document: Record<string, unknown>, name: string) =>
  Object.hasOwn(document, name) ? document[name] : undefined

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
