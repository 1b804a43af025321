import { z } from 'zod'

/*
 * What an archive says of itself: `docs/archives.md` describes it for people. A later format has another number, and what
 * reads it reads the earlier ones too.
 */

export const archiveFormat = 1

const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
const count = z.int().min(0)

/** A part as it is kept: a stream, compressed and then sealed. `bytes` and `sha256` are of the plain stream. */
export const storedPart = z.strictObject({
  path: z.string(),
  bytes: count,
  sha256,
  sealedBytes: count,
  sealedSha256: sha256,
})
export type StoredPart = z.output<typeof storedPart>

const table = z.strictObject({ name: z.string(), columns: z.array(z.string()), rows: count, part: storedPart })
const sequence = z.strictObject({ name: z.string(), last: z.string(), isCalled: z.boolean() })

/** What an export wrote, by kind of resource. */
export const inventory = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('database'),
    /** Scripts that make the schema, in their order; none where the tenant has no migration set. */
    migrations: storedPart.nullable(),
    /** What the schema is made of, a line each, without its name. */
    structure: z.array(z.string()),
    tables: z.array(table),
    sequences: z.array(sequence),
    /** Materialized views that had been filled. */
    filledViews: z.array(z.string()),
  }),
  z.strictObject({
    kind: z.literal('object-store'),
    objects: z.array(z.strictObject({ key: z.string(), size: count, sha256 })),
    part: storedPart,
  }),
  z.strictObject({ kind: z.literal('secrets'), names: z.array(z.string()), part: storedPart }),
])
export type Inventory = z.output<typeof inventory>
export type ArchivedKind = Inventory['kind']
export type InventoryOf<K> = Extract<Inventory, { kind: K }>

/** The inventory of this kind. Throws a TypeError for another, which only a bug can hand over. */
export function inventoryOf<K extends ArchivedKind>(kind: K, listed: Inventory): InventoryOf<K> {
  const isOf = (one: Inventory): one is InventoryOf<K> => one.kind === kind
  if (isOf(listed)) return listed
  throw new TypeError(`the inventory is one of ${listed.kind}, not of ${kind}`)
}

/** The kinds of resources that hold data. */
export const archivedKinds: readonly string[] = [
  'database',
  'object-store',
  'secrets',
] satisfies readonly ArchivedKind[]

/** What an archive of one environment holds. */
export const archiveManifest = z.strictObject({
  format: z.literal(archiveFormat),
  tenant: z.string(),
  environment: z.string(),
  placement: z.int(),
  generation: z.int(),
  /** Version of the schema; null where the tenant has no migration set. */
  appVersion: z.string().nullable(),
  /** The manifest that was in force, resolved; contacts are not in it. */
  wish: z.record(z.string(), z.unknown()),
  contents: z.array(z.strictObject({ resource: z.string(), inventory })),
})
export type ArchiveManifest = z.output<typeof archiveManifest>

/** Every part that an inventory names. */
export function partsOf(listed: Inventory): StoredPart[] {
  if (listed.kind !== 'database') return [listed.part]
  const { migrations, tables } = listed
  return [...(migrations === null ? [] : [migrations]), ...tables.map(({ part }) => part)]
}
