import { setTimeout as sleep } from 'node:timers/promises'
import { FreeholdError } from '../../domain/errors.ts'
import { streamsOf } from './capture.ts'
import { openCutSessions, warmUp, type CutSessions } from './cut-sessions.ts'
import { close, epochAfter, fence, open, passes, TryAgain, type Cut, type Fenced } from './cut.ts'
import type { Move, MoveEnd, MoverClient } from './end.ts'
import { readSequenceValues } from './sequences.ts'
import { requireSameStructure } from './same-structure.ts'
import { stampStatement } from './stamp.ts'
import { takeSide, type Side } from './side.ts'
import { awaitSound, requireSound } from './stream-health.ts'

/** Which end of a move. */
export type EndName = 'source' | 'target'

/** How a cut is made, and by whom. */
export type CutoverOptions = Pick<Cut, 'fence' | 'budgetMs' | 'suspended' | 'triggers'> & {
  /** How many tables with rows there are, markers not counted. */
  readonly tables: number
  /** F4: tells the registry, unless that knows of a later epoch. */
  readonly publish: (serving: EndName, side: Pick<Side, 'state' | 'epoch'>) => Promise<void>
  /** The highest epoch that the registry knows of; 0, unless it is said. */
  readonly floor?: number
  /** How many tries there are before it is given up for now. */
  readonly tries: number
  readonly signal: AbortSignal
}

/** What a cut took, for the report; absent where an earlier try had made it. */
export type Measured = {
  readonly tries: number
  /** From asking for the locks until the other side was open, in milliseconds. */
  readonly fenceMs: number
  /** Until the registry knew, in milliseconds. */
  readonly publishedMs: number
  readonly marker: string
  /** Hash of what both sides were made of, at the cut. */
  readonly structure: string
  readonly snapshots: Fenced['snapshots']
  /** Sessions that hold the snapshots. Whoever verifies ends them. */
  readonly holders: readonly MoverClient[]
}

/** Where the tenant is now. */
export type CutOutcome = { readonly serving: EndName; readonly epoch: number; readonly measured?: Measured }

const other = (name: EndName): EndName => (name === 'source' ? 'target' : 'source')
const serves = (side: Side) => side.state === 'active' || side.state === 'suspended'

/**
 * Settles whatever cut was under way, and gives who serves: an answer for good, for no earlier try can close a side after it. One that has
 * closed the one side has its other side opened. `resolveCutover` of relocation.md.
 */
export async function resolve(
  move: Move,
  ends: { from: EndName; sessions: CutSessions },
  options: Pick<CutoverOptions, 'fence' | 'budgetMs' | 'suspended' | 'triggers' | 'publish' | 'signal'>,
): Promise<{ serving: EndName; side: Side; floor: number }> {
  const { sessions, from } = ends
  const clientOf = (name: EndName) => (name === from ? sessions.fence : sessions.opening)
  // Both always: a try that stalled on its way back must not close the other one later.
  const source = await takeSide(clientOf('source'), move, move.source, options.fence)
  const target = await takeSide(clientOf('target'), move, move.target, options.fence)
  const floor = Math.max(source.epoch, target.epoch)
  if (serves(source)) return { serving: 'source', side: source, floor }
  if (serves(target)) return { serving: 'target', side: target, floor }
  // Both are closed: the one that closed last was to be followed by the other.
  const closed: EndName = source.epoch >= target.epoch ? 'source' : 'target'
  const side = closed === 'source' ? source : target
  if (side.state !== 'moved' || side.marker === null)
    throw new FreeholdError('internal', `both sides of move ${move.id} are closed, and none of them by a cut`)
  const opening = other(closed)
  const sequences = await readSequenceValues(clientOf(closed), move[closed].names.schema)
  const cut = { ...options, move, from: move[closed], to: move[opening], stamp: '', floor }
  const turned = closed === from ? sessions : await openCutSessions(move, cut, options.signal)
  const state = (await options.suspended()) ? 'suspended' : 'active'
  try {
    const opened = await persist(options.signal, () =>
      open(cut, turned, { epoch: side.epoch, marker: side.marker ?? '', sequences }, state),
    )
    return { serving: opening, side: { ...side, state: opened }, floor }
  } finally {
    if (turned !== sessions) turned.end()
  }
}

/** Waits for what the stream is going to bring. */
async function persist<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof TryAgain)) throw error
      await sleep(100, undefined, { signal })
    }
  }
}

/**
 * Brings the tenant to one end: settles what was under way, and cuts if it is at the other one. Run again at any point it comes to the
 * same end. Throws `move_over_budget` when no try got through in its time, with no harm to writers; `move_schema_changed`,
 * `move_stream_broken` and `move_rights_missing` where it must not cut.
 */
export async function cutOver(move: Move, wanted: EndName, options: CutoverOptions): Promise<CutOutcome> {
  const from = other(wanted)
  const ends = { from: move[from], to: move[wanted] }
  const sessions = await openCutSessions(move, ends, options.signal)
  let kept: readonly MoverClient[] = []
  try {
    const { serving, side, floor } = await resolve(move, { from, sessions }, options)
    if (serving === wanted) {
      await options.publish(wanted, side)
      return { serving, epoch: side.epoch }
    }
    const known = { ...options, floor: Math.max(floor, options.floor ?? 0) }
    const outcome = await cutInTries(move, wanted, known, { ...ends, sessions })
    kept = outcome.measured?.holders ?? []
    return outcome
  } finally {
    sessions.end(kept)
  }
}

async function cutInTries(
  move: Move,
  wanted: EndName,
  options: CutoverOptions & Pick<Cut, 'floor'>,
  { from, to, sessions }: { from: MoveEnd; to: MoveEnd; sessions: CutSessions },
): Promise<CutOutcome> {
  const { signal, tries } = options
  const stream = wanted === 'target' ? streamsOf(move).forward : streamsOf(move).reverse
  const tables = options.tables + 1
  const { stamp, structure } = await compareSides(from, to, sessions)
  // Of errors that are over it says nothing, and of one that is not, that there is no sense in a fence.
  const reached = { from: sessions.marker, to: sessions.opening, tables, marker: `sound/${options.fence}`, signal }
  await awaitSound(move, stream, reached)
  await warmUp(move, sessions)
  const cut: Cut = { ...options, move, from, to, stamp }
  for (let count = 1; ; count += 1) {
    await requireSound(stream, tables, sessions.opening)
    await Promise.all([sessions.snapshotFrom, sessions.snapshotTo].map((one) => one.query('rollback')))
    signal.throwIfAborted()
    try {
      return await cutOnce(cut, sessions, { wanted, count, structure, publish: options.publish, signal })
    } catch (error) {
      const mayPass = error instanceof TryAgain || passes(error)
      if (!mayPass) throw error
      if (count >= tries) throw overBudget(options, count, error)
    }
    await sleep(Math.min(50 * 2 ** count, 2_000), undefined, { signal })
  }
}

/**
 * Sees that both sides are made of the same things, and gives the stamp by which the fence sees that they still are. The stamp
 * is read first: what changes afterwards changes it.
 */
async function compareSides(
  from: MoveEnd,
  to: MoveEnd,
  { catalogue, arrival }: CutSessions,
): Promise<{ stamp: string; structure: string }> {
  const { rows } = await catalogue.query<{ stamp: string }>(stampStatement(from.names.schema))
  const structure = await requireSameStructure(
    { client: catalogue, schema: from.names.schema },
    { client: arrival, schema: to.names.schema },
  )
  return { stamp: rows[0]?.stamp ?? '', structure }
}

async function cutOnce(
  cut: Cut,
  sessions: CutSessions,
  how: {
    wanted: EndName
    count: number
    structure: string
    publish: CutoverOptions['publish']
    signal: AbortSignal
  },
): Promise<CutOutcome> {
  const marker = `${cut.fence}/${how.count}`
  const asked = performance.now()
  const fenced = await fence(cut, sessions, marker, how.signal)
  // From here on it is either closed or not, and whoever comes next finds out which; only the fence could be given up.
  await close(cut, sessions, fenced)
  const epoch = epochAfter(cut, fenced)
  // Read now: a suspend that comes earlier is seen here, and one that comes later finds the side closed and waits for the other.
  const wanted = (await cut.suspended()) ? 'suspended' : 'active'
  const state = await persist(how.signal, () => open(cut, sessions, { ...fenced, epoch }, wanted))
  const opened = performance.now()
  await how.publish(how.wanted, { state, epoch })
  return {
    serving: how.wanted,
    epoch,
    measured: {
      tries: how.count,
      fenceMs: opened - asked,
      publishedMs: performance.now() - asked,
      marker,
      structure: how.structure,
      snapshots: fenced.snapshots,
      holders: [sessions.snapshotFrom, sessions.snapshotTo],
    },
  }
}

function overBudget({ budgetMs }: CutoverOptions, tries: number, error: unknown): FreeholdError {
  const why = error instanceof Error ? error.message : String(error)
  return new FreeholdError(
    'move_over_budget',
    `${tries} tries did not get through within ${budgetMs} ms each, and writers went on where they were: ${why}. A long transaction of the tenant may hold it up; it is tried again later`,
  )
}
