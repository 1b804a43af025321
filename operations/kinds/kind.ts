import type { NewEvent } from '../../domain/events.ts'
import type { ResolvedManifest } from '../../domain/manifest-resolve.ts'
import type { Recorded } from '../../domain/changes.ts'
import type { OperationError, Step } from '../../domain/operation.ts'
import type { Platform } from '../../domain/platform.ts'
import type { ResourceSpec } from '../../domain/resources.ts'
import type { OperationRow } from '../../registry/entities/operation.ts'
import type { SitedPlacement } from '../../registry/placements.ts'
import type { Sql } from '../../registry/sql.ts'
import type { LockedOperation, TenantFacts } from '../rows.ts'

/** A resource as the ledger has it. */
export type LedgerEntry = Recorded & { readonly specVersion: number; readonly createdBy: string }

/** What is there of the ledger, and can be opened: not what an update left planned, and could neither make nor remove. */
export function presentOf(ledger: readonly LedgerEntry[]): ResourceSpec[] {
  return ledger.filter(({ state }) => state === 'present').map(({ spec }) => spec)
}

/** The same without what a move has left behind, which is closed and stays so. */
export function inUse({ ledger, placements }: Pick<Facts, 'ledger' | 'placements'>): LedgerEntry[] {
  const left = placements.filter(({ state }) => state === 'moved')
  return ledger.filter(
    ({ spec: { environment, placement, kind } }) =>
      !left.some(
        (one) => one.environment === environment && (one.number === placement || isSharedArea(kind, placement)),
      ),
  )
}

/** Objects of an environment that was moved are in an area of the new placement, or of the one before. */
const isSharedArea = (kind: ResourceSpec['kind'], placement: number) => kind === 'object-store' && placement === 0

/** What a kind prepares from: everything that is recorded, and the platform file. */
export type Facts = {
  readonly tenant: TenantFacts
  readonly operation: OperationRow
  readonly manifest: ResolvedManifest
  readonly placements: readonly SitedPlacement[]
  readonly ledger: readonly LedgerEntry[]
  readonly platform: Platform
}

/** What an operation is going to do: resources to enter in the ledger, or to describe anew there, first; then the steps. */
export type Work = { readonly specs: readonly ResourceSpec[]; readonly steps: readonly Step[] }

/** All that is particular to one kind of operation; the lifecycle table says the rest. */
export type Kind = {
  /**
   * One sentence for people. A kind that has it is plain: it needs a reason at most, and gets the route
   * `POST /v1/tenants/{idOrSlug}/<kind>` and a command of the terminal by being in the table.
   */
  readonly summary?: string
  /** It cannot be undone: whoever commands it says the slug of the tenant as well. */
  readonly needsConfirmation?: true
  /** Whoever commands it may name a cell that the tenant is to live in: parameter `cell`. */
  readonly takesCell?: true
  /** Prepares, from facts alone, and changes nothing. */
  readonly prepare: (facts: Facts) => Work
  /** The steps that undo it, from facts alone. Those that remove what it has made and put back what it has changed, unless it says so. */
  readonly undo?: (facts: Facts) => Step[]
  /** What changes as soon as the command is accepted, in the transaction that accepts. The tenant is locked. */
  readonly accepted?: (sql: Sql, tenant: Pick<TenantFacts, 'id'>) => Promise<void>
  /** What changes when an attempt takes it up, before its facts are read, in the transaction that begins; gives the events of it. */
  readonly begun?: (sql: Sql, held: LockedOperation) => Promise<NewEvent[]>
  /**
   * What success changes besides the state of the tenant, in the transaction that settles; gives the events of it. Rows
   * that many tenants share are to be changed last.
   */
  readonly succeed?: (sql: Sql, held: LockedOperation) => Promise<NewEvent[]>
  /** What it changes, likewise, that it failed or was aborted, be it that it was denied before it began. */
  readonly fail?: (sql: Sql, held: LockedOperation, error: OperationError) => Promise<NewEvent[]>
  /**
   * Takes the places it needs, last in the transaction that accepts it where it is plain, and in that in which it is tried again
   * after it had ended.
   */
  readonly takePlaces?: (sql: Sql, platform: Platform, held: LockedOperation) => Promise<void>
  /** The point behind which it only goes forward; the steps that are `inForce` come after it. */
  readonly noWayBack?: {
    readonly isReached: (held: LockedOperation) => boolean
    /** Records that it is reached; doing so twice is doing so once. Gives the events of it. */
    readonly reach: (sql: Sql, held: LockedOperation) => Promise<NewEvent[]>
  }
}
