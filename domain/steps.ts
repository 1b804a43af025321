import type { Changes, Recorded } from './changes.ts'
import type { Step } from './operation.ts'
import type { ResourceKind, ResourceSpec } from './resources.ts'

const kindTitles = {
  secrets: 'secrets',
  database: 'database',
  'object-store': 'object store',
  runtime: 'share of the runtime',
  network: 'network segment',
  archive: 'archive',
  topic: 'topic',
} as const satisfies Record<ResourceKind, string>

/** A step on a resource. */
export function step(spec: ResourceSpec, more: Pick<Step, 'action' | 'after'> & Partial<Step>): Step {
  return {
    key: spec.key,
    title: resourceTitle(spec),
    resource: spec.key,
    state: 'pending',
    ...(spec.kind === 'topic' ? { bus: spec.cell } : {}),
    ...more,
  }
}

/** What people call a resource. */
export function resourceTitle(spec: ResourceSpec): string {
  return `${kindTitles[spec.kind]} of ${spec.environment}`
}

/** Provisioning: every resource in the order of its dependencies, then the schema of each database. */
export function provisionSteps(specs: readonly ResourceSpec[], appVersion: string | null): Step[] {
  const ensure = specs.map((spec) => step(spec, { action: 'ensure', after: spec.after }))
  const databases = specs.filter((spec) => spec.kind === 'database')
  return [...ensure, ...migrationSteps(databases, appVersion)]
}

/** The schema of each database, once it is there. */
export function migrationSteps(databases: readonly ResourceSpec[], appVersion: string | null): Step[] {
  if (appVersion === null) return []
  return databases.map((spec) =>
    step(spec, {
      action: 'migrate',
      key: `${spec.key}/schema`,
      title: `schema ${appVersion} of ${spec.environment}`,
      after: [spec.key],
      schemaVersion: appVersion,
    }),
  )
}

/**
 * Update: what is new or has other properties, then the schemas; and once the changed manifest is in force, what it no longer
 * asks for is closed, then removed.
 */
export function updateSteps({ create, change, migrate, remove }: Changes, appVersion: string | null): Step[] {
  const ensure = create.map((spec) => step(spec, { action: 'ensure', after: spec.after }))
  const changed = change.map(({ spec }) =>
    step(spec, { action: 'ensure', title: `change of the ${resourceTitle(spec)}`, after: spec.after }),
  )
  const doomed = remove.map(({ spec }) => spec)
  const closing = freezeSteps(remove.filter(({ state }) => state === 'present').map(({ spec }) => spec))
  const isClosed = new Set(closing.map(({ key }) => key))
  const removing = removalSteps(doomed).map((removal) => ({
    ...removal,
    title: `removal of the ${removal.title}`,
    after: [...removal.after, ...[`${removal.key}/freeze`].filter((key) => isClosed.has(key))],
  }))
  const last = [...closing, ...removing].map((one) => ({ ...one, inForce: true as const }))
  const databases = migrate.map(({ spec }) => spec)
  return [...ensure, ...changed, ...migrationSteps(databases, appVersion), ...last]
}

/** Undoing: what the operation made is removed, and what it changed is put back; the ledger has it as it was by then. */
export function undoSteps(ledger: readonly (Recorded & { createdBy: string })[], operation: string): Step[] {
  const made = ledger.filter(({ createdBy }) => createdBy === operation)
  const changed = ledger.filter(({ createdBy, before }) => createdBy !== operation && before !== null)
  return [
    ...removalSteps(made.map(({ spec }) => spec)),
    ...changed.map(({ spec }) =>
      step(spec, { action: 'ensure', title: `${resourceTitle(spec)} as before`, after: [] }),
    ),
  ]
}

/**
 * Removal: the same resources, what depends on another before the other. Secrets go last of their environment, because a
 * removal that is tried again may need a credential.
 */
export function removalSteps(specs: readonly ResourceSpec[]): Step[] {
  const waitsFor = (spec: ResourceSpec) => (other: ResourceSpec) =>
    other.after.includes(spec.key) ||
    (spec.kind === 'secrets' && other.kind !== 'secrets' && other.environment === spec.environment)
  return specs.map((spec) =>
    step(spec, { action: 'remove', after: specs.filter(waitsFor(spec)).map((other) => other.key) }),
  )
}

const withCredential: readonly ResourceKind[] = ['database', 'topic']

/** New credentials for the database and the topic of one environment. */
export function rotationSteps(specs: readonly ResourceSpec[], environment: string): Step[] {
  return specs
    .filter((spec) => withCredential.includes(spec.kind) && spec.environment === environment)
    .map((spec) => step(spec, { action: 'rotate', title: `credentials of ${resourceTitle(spec)}`, after: [] }))
}

/** Closing every door of the tenant; what is not made yet is born closed then. The doors wait for nobody, for each other neither. */
export function freezeSteps(specs: readonly ResourceSpec[]): Step[] {
  return specs
    .filter(hasDoor)
    .map((spec) =>
      step(spec, { action: 'freeze', key: `${spec.key}/freeze`, title: `close the ${resourceTitle(spec)}`, after: [] }),
    )
}

/** The exact inverse. */
export function thawSteps(specs: readonly ResourceSpec[]): Step[] {
  return specs
    .filter(hasDoor)
    .map((spec) =>
      step(spec, { action: 'thaw', key: `${spec.key}/thaw`, title: `open the ${resourceTitle(spec)}`, after: [] }),
    )
}

/** No tenant reaches an archive. */
const hasDoor = ({ kind }: ResourceSpec) => kind !== 'archive'
