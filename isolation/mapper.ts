import type { JsonObject } from '../domain/json.ts'
import type { Bus, Cell } from '../domain/placement.ts'
import type { ResourceKind, ResourceSpec } from '../domain/resources.ts'

/** A cell with what a mapper needs to work in it; the credential of its kind was resolved by the caller just now. */
export type CellAccess = Cell & {
  /** Connection URL of the provisioner role, database included; empty for kinds that do not work in the database. */
  readonly provisionerUrl: string
}

/** The bus with what a mapper needs to manage it; resolved by the caller just now. */
export type BusAccess = Bus & {
  /** Connection string of the management side, with a key that may manage. */
  readonly management: string
  /** How many calls a second the management side is asked for. */
  readonly callsPerSecond: number
}

/**
 * The tenant's secrets as a mapper sees them; bound to one tenant and to the caller's registry transaction, so that a
 * secret and the ledger entry of the resource it belongs to commit together.
 */
export type TenantSecrets = {
  /** The current value, or undefined. */
  read(name: string): Promise<string | undefined>
  /** The current value; stores what `make` gives when there is none yet. */
  readOrCreate(name: string, make: () => string): Promise<string>
  /** Stores the next version, which becomes the current one; earlier versions are destroyed. */
  replace(name: string, value: string): Promise<void>
  /** Names below the prefix, ascending. */
  list(prefix: string): Promise<string[]>
  /** Destroys every secret below the prefix and gives how many there were. */
  destroy(prefix: string): Promise<number>
}

/** One resource to work on, and for whom. */
export type Target = {
  readonly spec: ResourceSpec
  readonly tenantId: string
  readonly epoch: number
  readonly cell: CellAccess
  /** For a topic alone. */
  readonly bus: BusAccess | undefined
  readonly secrets: TenantSecrets
}

/** What is found in the world. `facts` are for people and drift reports: no secrets. */
export type Observation =
  | { readonly exists: false }
  | { readonly exists: true; readonly owner: string | undefined; readonly frozen: boolean; readonly facts: JsonObject }

/**
 * Does one kind of resource, and knows no profile. Every verb may be run again at any point and gives the same result.
 * All but `observe` refuse (`resource_not_owned`) what exists without the tenant's owner tag.
 */
export type Mapper = {
  readonly kind: ResourceKind
  /** Looks, and changes nothing. */
  observe(target: Target): Promise<Observation>
  /** Makes it exist as the spec says, and gives public facts of it. */
  ensure(target: Target): Promise<JsonObject>
  /** Closes it to the tenant; data stays. */
  freeze(target: Target): Promise<void>
  /** Opens it again. */
  thaw(target: Target): Promise<void>
  /** Destroys it with its data. What is not there is success; what is not ours is left alone and reported. */
  remove(target: Target): Promise<'removed' | 'absent' | 'not-owned'>
  /** Where there is a credential: stores a new one, which the next `ensure` sets. */
  renew?(target: Target): Promise<void>
  /** Releases connections. */
  close(): Promise<void>
}
