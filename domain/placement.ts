import type { ServerAddress } from './connection-url.ts'
import type { BusDeclaration, CellDeclaration, ObjectStoreDeclaration } from './platform.ts'

/** Where one (tenant, environment) lives. The placement is the fact, the manifest is the wish. */
export type Placement = {
  readonly environment: string
  /** 1, 2, … one per move. */
  readonly number: number
  readonly profile: string
  /** Its objects are in an area of its own, and not in one that the placements of the environment share: a move brought them there. */
  readonly ownStore?: boolean | undefined
  readonly cell: string
  /** Namespace of the bus; null where events go by webhooks alone. */
  readonly bus?: string | null | undefined
  /** Addresses in CIDR notation; null where the region has no pool. */
  readonly segment?: string | null | undefined
  /** The tenant's own database server; null where the cell's is used. */
  readonly server?: OwnServer | null | undefined
  readonly state: PlacementState
  /** Fencing token: grows with every cut, suspend and resume. */
  readonly epoch: number
}
/** A database server that is not the platform's: where it is, and the secret that holds the URL of its provisioner. */
export type OwnServer = ServerAddress & { readonly secret: string }

export const placementStates = ['standby', 'active', 'suspended', 'moved', 'released'] as const
export type PlacementState = (typeof placementStates)[number]

/** A cell as the registry knows it: the declaration with the database endpoint that tenants are told, and its use. */
export type Cell = {
  readonly name: string
  readonly region: string
  readonly database: { readonly host: string; readonly port: number; readonly name: string }
  readonly objectStore: Readonly<ObjectStoreDeclaration>
  readonly runtime: { readonly namespace: string; readonly taskQueue: string }
  readonly network: { readonly policies: string }
}

/** A namespace of the bus as the registry knows it. */
export type Bus = { readonly name: string; readonly region: string; readonly endpoint: BusEndpoint }

/** Where a bus answers; `tls` is false for a development broker alone. */
export type BusEndpoint = { readonly host: string; readonly port: number; readonly tls: boolean }

/**
 * How many management calls a second a bus is asked for where its declaration does not say: a Standard namespace has
 * 1,000 credits a second for everything and a call costs ten; a development broker has no such limit.
 */
export function callsPerSecond({ tls }: Pick<BusEndpoint, 'tls'>): number {
  return tls ? 10 : 1_000
}

/**
 * Cells, or buses, that may take a tenant of this region, profile and environment, best first: rendezvous hash, so that a new cell
 * takes its share and moves nobody. Only open cells; room is checked where it is taken.
 * @param weigh hash of a text to a number; the higher the better. An input, because this folder has no hash of its own
 */
export function candidateCells<
  C extends Pick<CellDeclaration | BusDeclaration, 'name' | 'region' | 'profiles' | 'state' | 'environments'>,
>(
  cells: readonly C[],
  wanted: { tenantCode: string; region: string; profile: string; environment: string },
  weigh: (text: string) => number,
): C[] {
  const score = (cell: C) => weigh(`${cell.name}/${wanted.tenantCode}/${wanted.environment}`)
  return cells
    .filter((cell) => cell.state === 'open' && cell.region === wanted.region && cell.profiles.includes(wanted.profile))
    .filter((cell) => cell.environments === undefined || cell.environments.includes(wanted.environment))
    .toSorted((a, b) => score(b) - score(a) || a.name.localeCompare(b.name))
}

/**
 * The placement that an environment lives in: the active one, else a suspended one, else the newest. A new side of a move
 * has a higher number and is not it.
 */
export function currentPlacement<P extends { environment: string; number: number; state: PlacementState }>(
  placements: readonly P[],
  environment: string,
): P | undefined {
  const rank = { active: 0, suspended: 1, standby: 2, moved: 3, released: 4 } as const satisfies Record<
    PlacementState,
    number
  >
  return placements
    .filter((placement) => placement.environment === environment)
    .toSorted((a, b) => rank[a.state] - rank[b.state] || b.number - a.number)[0]
}
