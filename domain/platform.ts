import { z } from 'zod'
import { governanceEndpoint } from './governance.ts'
import { environmentPattern } from './names.ts'
import { machineName, plainText, secretReference } from './text.ts'

/*
 * The platform file: what the operator of Freehold offers to tenants, and where. Read at start and recorded in the
 * registry; credentials are references (`env:NAME` or `file:PATH`), never values.
 */

/** What takes tenants up to its capacity; the number is the operator's own soft cap, below what the substrate can hold. */
const shared = {
  name: machineName,
  region: machineName,
  environments: z.array(z.string().regex(environmentPattern)).optional(),
  profiles: z.array(machineName).min(1),
  capacity: z.int().min(0),
  state: z.enum(['open', 'draining', 'closed']).default('open'),
}

const objectStores = [
  /** A folder of this machine, or one that is mounted there. */
  z.strictObject({
    kind: z.literal('file-system'),
    root: plainText(1_000),
    container: machineName.default('data-shared'),
  }),
] as const

/** What keeps the objects of a cell. A further kind is one member here and one adapter of its own (`isolation/mappers/object-store`). */
export const objectStore = z.preprocess(withKind, z.discriminatedUnion('kind', objectStores))

/** Files and rows from before there were kinds mean a folder. */
function withKind(value: unknown): unknown {
  return typeof value === 'object' && value !== null && !('kind' in value) ? { kind: 'file-system', ...value } : value
}

/** Where archives of tenants rest, all of them in one place; kinds as of object stores. */
const archives = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('file-system'), root: plainText(1_000) }),
])

const cell = z.strictObject({
  ...shared,
  database: z.strictObject({
    credential: secretReference,
    endpoint: z.strictObject({ host: plainText(253), port: z.int().min(1).max(65_535) }).optional(),
  }),
  objectStore,
  runtime: z
    .strictObject({ namespace: machineName.default('workloads'), taskQueue: machineName.default('work') })
    .prefault({}),
  network: z.strictObject({ policies: plainText(1_000).default('network') }).prefault({}),
})

/**
 * A namespace of the bus. `management` is the connection string of its management side where that has another address;
 * `managementCallsPerSecond` bounds what one worker asks of it, because each call costs as much as ten messages. `dedicated`: one
 * tenant alone is on it, whoever of its profiles comes first; where a profile has such a bus in a region, its tenants get no other.
 */
const bus = z.strictObject({
  ...shared,
  credential: secretReference,
  management: secretReference.optional(),
  dedicated: z.boolean().optional(),
  managementCallsPerSecond: z.int().min(1).optional(),
})

/** Addresses a region gives to tenants: each environment gets a segment of this prefix length out of the pool. */
const network = z
  .strictObject({ pool: z.cidrv4(), segmentPrefix: z.int().min(8).max(30) })
  .refine(({ pool, segmentPrefix }) => {
    const bits = segmentPrefix - Number(pool.split('/')[1])
    return bits >= 0 && bits <= 20
  }, 'must cut the pool into 1 to 1,048,576 segments')

const plan = z.strictObject({
  name: machineName,
  weight: z.number().min(0.001).max(1_000),
  databaseConnections: z.int().min(1).max(1_000),
  quotas: z.strictObject({
    storageGiB: z.int().min(1),
    requestsPerSecond: z.int().min(1),
    concurrentTasks: z.int().min(1),
  }),
})

const unique = (list: readonly { name: string }[]) => new Set(list.map((item) => item.name)).size === list.length

export const platformSchema = z
  .strictObject({
    regions: z
      .array(z.strictObject({ name: machineName, residency: machineName, network: network.optional() }))
      .min(1)
      .refine(unique, 'names a region twice'),
    plans: z.array(plan).min(1).refine(unique, 'names a plan twice'),
    cells: z.array(cell).min(1).refine(unique, 'names a cell twice'),
    buses: z.array(bus).default([]).refine(unique, 'names a bus twice'),
    archives: archives.default({ kind: 'file-system', root: 'archives' }),
    /** For those who govern: where the events of all tenants go, and who is asked before a command begins. */
    governance: z
      .strictObject({
        bus: machineName.optional(),
        topic: machineName.default('governance'),
        endpoint: governanceEndpoint.optional(),
      })
      .refine(({ bus, endpoint }) => bus !== undefined || endpoint !== undefined, 'names neither a bus nor an endpoint')
      .optional(),
  })
  .refine(
    (platform) => platform.cells.every((item) => platform.regions.some((region) => region.name === item.region)),
    'has a cell in a region that is not listed',
  )
  .refine(
    (platform) => platform.buses.every((item) => platform.regions.some((region) => region.name === item.region)),
    'has a bus in a region that is not listed',
  )
  .refine(
    ({ governance, buses }) => governance?.bus === undefined || buses.some((item) => item.name === governance.bus),
    'has a governance topic on a bus that is not listed',
  )
  .transform(({ governance, ...rest }) => {
    const { bus, topic = '', endpoint } = governance ?? {}
    return {
      ...rest,
      /** The topic that all events go to, where there is one. */
      governance: bus === undefined ? undefined : { bus, topic },
      governanceEndpoint: endpoint,
    }
  })

export type Platform = z.output<typeof platformSchema>
export type Plan = Platform['plans'][number]
export type ObjectStoreDeclaration = z.output<typeof objectStore>
export type ArchivesDeclaration = Platform['archives']
export type CellDeclaration = Platform['cells'][number]
export type BusDeclaration = Platform['buses'][number]
