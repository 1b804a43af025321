import { z } from 'zod'
import { FreeholdError } from './errors.ts'

const address = z.object({ host: z.string(), port: z.int() })

/**
 * What the mapper of each kind needs to know, all of it public: the one schema that strategies write by, mappers read by
 * and the ledger keeps. A property that is added or changed raises `specVersion`.
 */
export const resourceProperties = {
  secrets: z.object({ key: z.literal('tenant-key') }),
  database: z.object({
    /** The tenant's own database, which is made and dropped with it; null for a schema in the database of the cell. */
    ownDatabase: z.string().nullable(),
    /** Secret of the platform with the URL of the server it is on, where that is the tenant's; null for the cell's. */
    serverSecret: z.string().nullable(),
    schema: z.string(),
    ownerRole: z.string(),
    appRole: z.string(),
    passwordSecret: z.string(),
    connectionLimit: z.int().min(1),
  }),
  'object-store': z.object({ container: z.string(), prefix: z.string(), signingKeySecret: z.string() }),
  runtime: z.object({
    namespace: z.string(),
    taskQueue: z.string(),
    /** Nobody else's tasks are in it, so that it is closed by its rate. */
    ownQueue: z.boolean(),
    fairnessKey: z.string(),
    fairnessWeight: z.number(),
    concurrentTasks: z.number(),
  }),
  network: z.object({
    segment: z.string(),
    /** A name, never a path: it is joined to the operator's folder. */
    file: z.string().regex(/^[a-z0-9][a-z0-9-]*\.json$/),
    database: address,
    bus: address.nullable(),
  }),
  /** What was exported of one placement, with the placement's number; it stays when the rest is removed. */
  archive: z.object({ folder: z.string() }),
  topic: z.object({ subscription: z.string(), keySecret: z.string() }),
} as const

export type ResourceKind = keyof typeof resourceProperties
export const resourceKinds = Object.keys(resourceProperties) as [ResourceKind, ...ResourceKind[]]
/** The kinds that a strategy asks for; an archive is made by the command of that name alone. */
export const strategyKinds = resourceKinds.filter((kind) => kind !== 'archive')
export type ResourceProperties<K extends ResourceKind> = z.output<(typeof resourceProperties)[K]>

/**
 * What a strategy says a tenant needs: one resource. `key` names it inside the tenant for ever, `placement` is the number
 * of the placement it belongs to, or 0 for what all placements of the environment share, `cell` the cell, or for a topic
 * the bus, it is in, `after` holds keys of resources that must exist first.
 */
export type ResourceSpec<K extends ResourceKind = ResourceKind> = {
  readonly [One in K]: {
    readonly key: string
    readonly kind: One
    readonly environment: string
    readonly placement: number
    readonly cell: string
    readonly name: string
    readonly after: readonly string[]
    readonly properties: ResourceProperties<One>
  }
}[K]

/** Version of the specs this code writes; older ones in the ledger are rewritten when an operation begins. */
export const specVersion = 4

/** Key of a resource: `prod/1/database` for one of a placement, `prod/topic` for one its environment's placements share. */
export function resourceKey(environment: string, kind: ResourceKind, placement: number): string {
  return placement === 0 ? `${environment}/${kind}` : `${environment}/${placement}/${kind}`
}

/** A spec as the ledger keeps it. Throws `spec_version_unknown` for one that other code wrote and this cannot read. */
export function readSpec(stored: ResourceSpec, version: number): ResourceSpec {
  const fits = version === specVersion && resourceProperties[stored.kind]?.safeParse(stored.properties).success
  if (fits === true) return stored
  throw new FreeholdError(
    'spec_version_unknown',
    `the ledger describes ${stored.key} by version ${version}, and this release reads version ${specVersion}; nothing was done`,
  )
}
