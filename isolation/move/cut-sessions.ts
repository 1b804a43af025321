import { together } from '../mappers/database/connections.ts'
import { markerStatement, namesOf, refusing } from './capture.ts'
import { connectMover, type Move, type MoveEnd, type MoverClient } from './end.ts'

type Refusal = Awaited<ReturnType<typeof refusing>>

/** The sessions of one cut, all of them open before it: inside the pause there is no time for a login. */
export type CutSessions = {
  /** At the side that closes: holds the locks; and others, since it can do one thing at a time. */
  readonly fence: MoverClient
  readonly marker: MoverClient
  readonly sequences: MoverClient
  readonly catalogue: MoverClient
  readonly snapshotFrom: MoverClient
  /** At the side that opens. */
  readonly arrival: MoverClient
  readonly opening: MoverClient
  readonly snapshotTo: MoverClient
  /** What closes the tables of each side and opens them again. */
  readonly refusal: Refusal
  readonly refusalTo: Refusal
  /** Ends all of them, or those that hold no snapshot. */
  end(but?: readonly MoverClient[]): void
}

/** Opens the sessions of a cut. The caller ends them. */
export async function openCutSessions(
  move: Move,
  { from, to }: { from: MoveEnd; to: MoveEnd },
  signal: AbortSignal,
): Promise<CutSessions> {
  const opened: Promise<MoverClient>[] = []
  const open = (end: MoveEnd) => {
    const client = connectMover(end, { signal })
    opened.push(client)
    return client
  }
  const end = (but: readonly MoverClient[] = []) => {
    for (const client of opened)
      void client.then(
        (one) => (but.includes(one) ? undefined : one.end().catch(() => {})),
        () => {},
      )
  }
  try {
    const [fence, marker, sequences, catalogue, snapshotFrom, arrival, opening, snapshotTo] = await Promise.all([
      open(from),
      open(from),
      open(from),
      open(from),
      open(from),
      open(to),
      open(to),
      open(to),
    ])
    const [refusal, refusalTo] = await Promise.all([refusing(fence, move, from), refusing(opening, move, to)])
    return {
      fence,
      marker,
      sequences,
      catalogue,
      snapshotFrom,
      arrival,
      opening,
      snapshotTo,
      refusal,
      refusalTo,
      end,
    }
  } catch (error) {
    end()
    throw error
  }
}

/**
 * Has each session do what it can of its part of the cut, before the pause: for the first time it takes several times as long, because
 * the server reads its catalogues and loads PL/pgSQL. Nothing of it stays. Needs what a move makes at both ends.
 */
export async function warmUp(move: Move, { fence, marker, opening }: CutSessions): Promise<void> {
  const block = 'do $$ begin end $$'
  await Promise.all([
    together(fence, block),
    together(opening, block, markerStatement(move, `''`)),
    together(marker, 'begin', `insert into ${namesOf(move).schema}.marker (id) values ('')`, 'rollback'),
  ])
}
