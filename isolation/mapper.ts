import type { Migration } from '../base/migration-source.ts'
import type { Inventory } from '../domain/archive.ts'
import type { JsonObject } from '../domain/json.ts'
import type { Bus, Cell } from '../domain/placement.ts'
import type { ResourceKind, ResourceSpec } from '../domain/resources.ts'
import type { ArchiveReader, ArchiveWriter } from './archives/parts.ts'

/** A cell with what a mapper needs to work in it; the credential of its kind was resolved by the caller just now. */
export type CellAccess = Cell & {
  /** Connection URL of the provisioner role, database included; empty for kinds that do not work in the database. */
  readonly provisionerUrl: string
  /** Where the database of the target is on a server of the tenant's own. */
  readonly server?: ServerAccess | undefined
  /** Name of the secret that `provisionerUrl` is from, where that leads to such a server. */
  readonly secret?: string | undefined
}

/** A database server of a tenant's own; resolved by the caller just now. */
export type ServerAccess = {
  /** Name of the secret. */
  readonly secret: string
  /** Connection URL of a provisioner there. */
  readonly url: string
}

/** The bus with what a mapper needs to manage it; resolved by the caller just now. */
export type BusAccess = Bus & {
  /** Connection string of the management side, with a key that may manage. */
  readonly management: string
  /** How many calls a second the management side is asked for. */
  readonly callsPerSecond: number
}

/**
 * The tenant's secrets as a mapper sees them, bound to one tenant and one claim: each call commits by itself, and what
 * writes throws `operation_superseded` once another has the claim.
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

/** How a side is born that does not exist yet; one that exists keeps its state. */
export type SideAtBirth = 'active' | 'standby' | 'suspended'

/** One resource to work on, for whom, and under which claim. */
export type Target<K extends ResourceKind = ResourceKind> = {
  readonly spec: ResourceSpec<K>
  readonly tenantId: string
  /** Of the placement, or, for what placements share, of the current one. */
  readonly epoch: number
  /** Of this claim: a later claim on any resource has a higher one, so a target that compares refuses who comes late. */
  readonly fence: number
  readonly birth: SideAtBirth
  /** Aborted when the claim ends, the worker stops or the work is to be cancelled. Stop, and throw its reason. */
  readonly signal: AbortSignal
  /** How long the whole verb may take. */
  readonly timeoutMs: number
  readonly cell: CellAccess
  /** For a topic alone. */
  readonly bus: BusAccess | undefined
  readonly secrets: TenantSecrets
}

/** What is found in the world. `facts` are for people and drift reports: no secrets. */
export type Observation =
  | { readonly exists: false }
  | { readonly exists: true; readonly owner: string | undefined; readonly frozen: boolean; readonly facts: JsonObject }

/** What became of a removal. `what`: one sentence on what is there under the tenant's name, is not the tenant's, and was left. */
export type Removal =
  | { readonly outcome: 'removed' | 'absent' }
  | { readonly outcome: 'not-owned'; readonly what: string }

/**
 * Does one kind of resource, and knows no profile. Every verb may be run again at any point and gives the same result.
 * All but `observe` refuse (`resource_not_owned`) what exists without the tenant's owner tag, and, where the target can
 * compare, refuse (`operation_superseded`) a fence below the one that worked there last.
 */
export type Mapper<K extends ResourceKind = ResourceKind> = {
  readonly kind: K
  /** Looks, and changes nothing. */
  observe(target: Target<K>): Promise<Observation>
  /** Makes it exist as the spec says, and gives public facts of it. Never opens what exists and is closed. */
  ensure(target: Target<K>): Promise<JsonObject>
  /** Closes it to the tenant; data stays. What is not there yet will be born closed, where the target can remember it. */
  freeze(target: Target<K>): Promise<void>
  /** Opens it again. */
  thaw(target: Target<K>): Promise<void>
  /** Destroys it with its data. What is not there is success; what is not ours is left alone and told. */
  remove(target: Target<K>): Promise<Removal>
  /**
   * Where there is a credential: stores a new one and puts it in force so that whoever holds the old one is out. The same
   * `rotation` renews once, however often it is run.
   */
  rotate?(target: Target<K>, rotation: string): Promise<void>
  /**
   * Where there is data: writes all of it to an archive, while the resource is closed, and gives the inventory. Throws
   * `archive_unsupported`, naming it, for what could not be brought back.
   * @param migrations the set that the schema of a database is made by
   */
  export?(target: Target<K>, to: ArchiveWriter, migrations: readonly Migration[]): Promise<Inventory>
  /** Brings it back into one that was made anew and is closed; what is there goes. Gives public facts. Throws `archive_damaged`. */
  import?(target: Target<K>, from: ArchiveReader, inventory: Inventory): Promise<JsonObject>
  /** Proves that it is what the inventory says, thing by thing. Throws `restore_differs`, naming what is not. */
  compare?(target: Target<K>, inventory: Inventory): Promise<void>
  /** Releases connections. */
  close(): Promise<void>
}
