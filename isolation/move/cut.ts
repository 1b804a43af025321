import pg from 'pg'
import { FreeholdError } from '../../domain/errors.ts'
import { quoteIdentifier } from '../../domain/names.ts'
import { untilAborted } from '../abort.ts'
import { gateKey } from '../mappers/database/gate.ts'
import { together } from '../mappers/database/connections.ts'
import type { Aside } from './aside.ts'
import { awaitMarker, markerStatement, writeMarker } from './capture.ts'
import type { CutSessions } from './cut-sessions.ts'
import type { Move, MoveEnd } from './end.ts'
import { readSequenceValues, setSequenceStatements, type MoveSequence } from './sequences.ts'
import { readSide, rowOf, type Side } from './side.ts'
import { exportSnapshot } from './snapshot.ts'
import { stampStatement } from './stamp.ts'

/** What one cut is about: `from` closes, `to` opens. A rollback is the same with the two exchanged. */
export type Cut = {
  readonly move: Move
  readonly from: MoveEnd
  readonly to: MoveEnd
  /** Of the claim of this try. */
  readonly fence: number
  /** How long writers may wait for one try, in milliseconds. */
  readonly budgetMs: number
  /** The highest epoch that anybody knows of: the next is above it. */
  readonly floor: number
  /** Stamp of the catalogue of `from` when both sides were last compared. */
  readonly stamp: string
  /** What puts triggers to sleep that fire for replicated rows, and wakes them again. */
  readonly triggers: Pick<Aside, 'quiet' | 'wake'>
  /** Whether the latch of suspend is set: what opens then opens suspended. */
  readonly suspended: () => Promise<boolean>
}

/** What a fence has learned, and what is kept for the proof afterwards. */
export type Fenced = {
  readonly side: Side
  readonly marker: string
  readonly sequences: MoveSequence[]
  /** Exported snapshots of both sides at the exact cut. */
  readonly snapshots: { readonly from: string; readonly to: string }
}

/** A try that did no harm and may be made again; `why` is for people. */
export class TryAgain extends Error {}

/** Who waits for a lock, or was ended by its own time limit, has done no harm. */
export function passes(error: unknown): boolean {
  return error instanceof pg.DatabaseError && /^(55P03|40P01|40001|57014|25P03|25P04)$/.test(error.code ?? '')
}

/** Postgres ends a fence by itself when we are gone: no worker is needed for writers to go on. */
const deadMan = { idleMs: 1_500, transactionMs: 3_000 }
const lockMs = 250
/** Statements by which a transaction that stops writers ends by itself. */
export const selfHealing = [
  `set local lock_timeout = '${lockMs}ms'`,
  `set local idle_in_transaction_session_timeout = '${deadMan.idleMs}ms'`,
  `set local transaction_timeout = '${deadMan.transactionMs}ms'`,
] as const

/** A fence stops writers of tables, and not who takes a value of a sequence alone: as many are left out as a crash of PostgreSQL may leave out. */
const margin = 32

/**
 * F1: stops the writers of `from`, and sees that everything they have committed is at `to`. Nothing of it is durable: it ends with the
 * transaction of `sessions.fence`. Throws `TryAgain` when it was not to be had within its time.
 */
export async function fence(cut: Cut, sessions: CutSessions, marker: string, signal: AbortSignal): Promise<Fenced> {
  const limit = AbortSignal.timeout(cut.budgetMs)
  const bounded = AbortSignal.any([signal, limit])
  try {
    return await untilAborted(bounded, raise(cut, sessions, marker, bounded))
  } catch (error) {
    await sessions.fence.query('rollback').catch(() => {})
    if (limit.aborted && !signal.aborted)
      throw new TryAgain(`the other side was not there within ${cut.budgetMs} ms`, { cause: error })
    if (error instanceof pg.DatabaseError && error.code === '42501') throw rightsMissing(cut.from, error)
    throw error
  }
}

function rightsMissing({ names: { ownerRole, schema }, moverUrl }: MoveEnd, error: pg.DatabaseError): FreeholdError {
  const mover = decodeURIComponent(new URL(moverUrl).username)
  return new FreeholdError(
    'move_rights_missing',
    `schema ${schema} cannot be closed, and nothing was cut: ${error.message}. Somebody has revoked what the move was granted: grant ${ownerRole} to ${mover} with inherit true, set true; then retry`,
  )
}

async function raise(cut: Cut, sessions: CutSessions, marker: string, signal: AbortSignal): Promise<Fenced> {
  const { move, from } = cut
  const { tables } = sessions.refusal
  const locks = tables.length === 0 ? 'select' : `lock table ${tables.join(', ')} in share row exclusive mode`
  const [tenant, environment] = [`'${move.tenantId}'`, `'${move.environment}'`]
  const results = await together(
    sessions.fence,
    'begin',
    ...selfHealing,
    // A running autovacuum gives way after this time; by default it would take a second.
    `set local deadlock_timeout = '5ms'`,
    `select pg_catalog.pg_advisory_xact_lock(${gateKey(tenant, environment)})`,
    locks,
    // Last: what was decided before the locks were had may be over by now.
    `select state, epoch::float8 as epoch, fence::float8 as fence, marker from tenancy.placement
      where ${rowOf(move, from)} for no key update`,
  )
  const [side] = (results.at(-1)?.rows ?? []) as (Side & { fence: number })[]
  // Another try works on it, or has closed it: who comes next finds out which.
  if (side === undefined || side.fence !== cut.fence || (side.state !== 'active' && side.state !== 'suspended'))
    throw new FreeholdError('operation_superseded', 'a later try works on the cut; this one did nothing')
  const toldBy = readSequenceValues(sessions.sequences, from.names.schema)
  const stamped = sessions.catalogue.query<{ stamp: string }>(stampStatement(from.names.schema))
  const before = exportSnapshot(sessions.snapshotFrom)
  toldBy.catch(() => {})
  stamped.catch(() => {})
  before.catch(() => {})
  await writeMarker(sessions.marker, move, marker)
  await awaitMarker(sessions.arrival, move, marker, signal)
  const [sequences, { rows }, fromSnapshot, toSnapshot] = await Promise.all([
    toldBy,
    stamped,
    before,
    exportSnapshot(sessions.snapshotTo),
  ])
  if (rows[0]?.stamp !== cut.stamp) throw new SchemaChanged()
  return { side, marker, sequences, snapshots: { from: fromSnapshot, to: toSnapshot } }
}

/** The tenant changed its schema while it moved: what was compared is not what there is. */
export class SchemaChanged extends FreeholdError {
  constructor() {
    super(
      'move_schema_changed',
      'the schema was changed while the tenant moves, so that the two sides differ; nothing was cut. Undo it, or let it wait until the move is over',
    )
  }
}

/** Epoch that both sides have after a cut. */
export function epochAfter({ floor }: Pick<Cut, 'floor'>, { side }: Pick<Fenced, 'side'>): number {
  return Math.max(side.epoch, floor) + 1
}

/** What a step refuses inside of its own transaction, and how it is told from errors of the server. */
const refusals = { changed: 'FH011', lost: 'FH012', granted: 'FH013' } as const

/** A block that does something, or ends the transaction with a code of ours: no answer has to be waited for in between. */
const deciding = (...lines: string[]) => `do $cut$ begin ${lines.join(' ')} end $cut$`
const orRefuse = (condition: string, code: string) => `if ${condition} then raise sqlstate '${code}'; end if;`

/**
 * F2: closes `from` for good, in the transaction of the fence: giving the locks back and closing are one commit. Throws `TryAgain`
 * where it was refused and rolled back; anything else that it throws leaves its outcome unknown, and `resolve` finds it out.
 */
export async function close(cut: Cut, sessions: CutSessions, fenced: Fenced): Promise<void> {
  const { move, from, fence: mine } = cut
  const { schema, appRole } = from.names
  const role = pg.escapeLiteral(appRole)
  try {
    const results = await together(
      sessions.fence,
      'set local synchronous_commit = on',
      // A right alone leaks: views, definer functions and writers that wait for us go on without it.
      ...sessions.refusal.refuse,
      ...cut.triggers.quiet,
      `revoke usage on schema ${quoteIdentifier(schema)} from ${quoteIdentifier(appRole)}`,
      deciding(
        orRefuse(`pg_catalog.has_schema_privilege(${role}, ${pg.escapeLiteral(schema)}, 'USAGE')`, refusals.granted),
        `update tenancy.placement set state = 'moved', epoch = ${epochAfter(cut, fenced)}, marker = '${fenced.marker}', updated_at = now()
          where ${rowOf(move, from)} and epoch = ${fenced.side.epoch} and fence = ${mine} and state in ('active', 'suspended');`,
        orRefuse('not found', refusals.changed),
      ),
      'commit',
    )
    if (results.at(-1)?.command !== 'COMMIT') throw new TryAgain('the server rolled the close back')
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error
    await sessions.fence.query('rollback').catch(() => {})
    if (error.code !== refusals.granted) throw new TryAgain(error.message, { cause: error })
    throw new FreeholdError(
      'move_rights_missing',
      `role ${appRole} still has USAGE on schema ${schema} after it was revoked: somebody else has granted it. Revoke that grant, then retry`,
    )
  }
}

/** What opens a side: where the other one closed. */
export type Closed = {
  /** Of the side that closed, after it. */
  readonly epoch: number
  readonly marker: string
  readonly sequences: readonly MoveSequence[]
}

/**
 * F3: opens `to`, once, with everything that was committed at `from`. Doing so twice is doing so once.
 * @returns the state it has now. Throws `operation_superseded` when it is neither closed nor opened by this cut, and `TryAgain` when it
 * lost the marker in a crash: the stream brings it again.
 */
export async function open(
  cut: Cut,
  sessions: CutSessions,
  { epoch, marker, sequences }: Closed,
  state: 'active' | 'suspended',
): Promise<Side['state']> {
  const { move, to } = cut
  const { schema, appRole } = to.names
  try {
    await together(
      sessions.opening,
      'begin',
      'set local synchronous_commit = on',
      // Whoever is in the way is waited for again: both sides are closed meanwhile.
      `set local lock_timeout = '${lockMs}ms'`,
      `set local deadlock_timeout = '5ms'`,
      deciding(
        `update tenancy.placement set state = '${state}', epoch = ${epoch}, updated_at = now()
          where ${rowOf(move, to)} and state in ('standby', 'moved') and epoch < ${epoch};`,
        orRefuse('not found', refusals.changed),
        orRefuse(`not exists (${markerStatement(move, pg.escapeLiteral(marker))})`, refusals.lost),
      ),
      ...setSequenceStatements(schema, sequences, margin),
      sessions.refusalTo.accept,
      ...cut.triggers.wake,
      `grant usage on schema ${quoteIdentifier(schema)} to ${quoteIdentifier(appRole)}`,
      'commit',
    )
    return state
  } catch (error) {
    await sessions.opening.query('rollback').catch(() => {})
    const code = error instanceof pg.DatabaseError ? error.code : undefined
    if (code === refusals.lost) throw new TryAgain('the side that opens has lost what it had applied', { cause: error })
    if (passes(error)) throw new TryAgain('somebody is in the way of the side that opens', { cause: error })
    if (code !== refusals.changed) throw error
    const found = await readSide(sessions.opening, move, to)
    if (found !== undefined && found.epoch === epoch && (found.state === 'active' || found.state === 'suspended'))
      return found.state
    throw new FreeholdError(
      'operation_superseded',
      `placement ${to.number} was changed by a later cut; nothing was done`,
    )
  }
}
