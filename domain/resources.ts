import type { JsonObject } from './json.ts'

export const resourceKinds = ['secrets', 'database', 'object-store', 'runtime', 'network', 'topic'] as const
export type ResourceKind = (typeof resourceKinds)[number]

/**
 * What a strategy says a tenant needs: one resource of one environment. `key` names it inside the tenant for ever,
 * `after` holds keys of resources that must exist first, `properties` is what its mapper needs to know, all of it public.
 */
export type ResourceSpec = {
  readonly key: string
  readonly kind: ResourceKind
  readonly environment: string
  readonly placement: number
  readonly cell: string
  readonly name: string
  readonly after: readonly string[]
  readonly properties: JsonObject
}

/** Key of a resource: its environment and kind, e.g. `prod/database`. */
export function resourceKey(environment: string, kind: ResourceKind): string {
  return `${environment}/${kind}`
}

type Step = { readonly key: string; readonly after: readonly string[] }

/**
 * Groups steps into waves: everything in a wave may run side by side once the waves before are done. A dependency on a
 * key that is not among the steps counts as met. Throws on a cycle, which only a wrong strategy can make.
 */
export function waves<S extends Step>(steps: readonly S[]): S[][] {
  const result: S[][] = []
  let rest = [...steps]
  while (rest.length > 0) {
    const open = new Set(rest.map((step) => step.key))
    const ready = rest.filter((step) => !step.after.some((key) => open.has(key)))
    if (ready.length === 0) throw new Error(`resources depend on each other in a circle: ${[...open].join(', ')}`)
    result.push(ready)
    rest = rest.filter((step) => !ready.includes(step))
  }
  return result
}
