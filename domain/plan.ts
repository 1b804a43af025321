import type { StepAction, PlanStep } from './operation.ts'
import type { ResourceKind, ResourceSpec } from './resources.ts'

const kindTitles = {
  secrets: 'secrets',
  database: 'database',
  'object-store': 'object store',
  runtime: 'share of the runtime',
  network: 'network segment',
  topic: 'topic',
} as const satisfies Record<ResourceKind, string>

function step(action: StepAction, spec: ResourceSpec, key: string, title: string, after: readonly string[]): PlanStep {
  return {
    key,
    action,
    resource: spec.key,
    placement: spec.placement,
    environment: spec.environment,
    cell: spec.cell,
    title,
    after: [...after],
  }
}

function resourceTitle(spec: ResourceSpec): string {
  return `${kindTitles[spec.kind]} of ${spec.environment}`
}

/** Provisioning: every resource in the order of its dependencies, then the schema of each database. */
export function provisionSteps(specs: readonly ResourceSpec[], appVersion: string | null): PlanStep[] {
  const ensure = specs.map((spec) => step('ensure', spec, spec.key, resourceTitle(spec), spec.after))
  if (appVersion === null) return ensure
  const migrate = specs
    .filter((spec) => spec.kind === 'database')
    .map((spec) =>
      step('migrate', spec, `${spec.environment}/schema`, `schema ${appVersion} of ${spec.environment}`, [spec.key]),
    )
  return [...ensure, ...migrate]
}

/** Removal: the same resources, what depends on another before the other. */
export function removalSteps(specs: readonly ResourceSpec[]): PlanStep[] {
  const needs = (spec: ResourceSpec) =>
    specs.filter((other) => other.after.includes(spec.key)).map((other) => other.key)
  return specs.map((spec) => step('remove', spec, spec.key, resourceTitle(spec), needs(spec)))
}

const withCredential: readonly ResourceKind[] = ['database', 'topic']

/** New credentials for the database and the topic of one environment. */
export function rotationSteps(specs: readonly ResourceSpec[], environment: string): PlanStep[] {
  return specs
    .filter((spec) => withCredential.includes(spec.kind) && spec.environment === environment)
    .map((spec) => step('rotate', spec, spec.key, `credentials of ${resourceTitle(spec)}`, []))
}
