import { active, at, type Cut, phases, type Side, type State, suspended, type Worker } from './state.ts'
import { flush } from './stream.ts'

/**
 * One thing that an actor can do. `run` gives false, and has changed nothing, where it cannot be done now. Among the steps
 * that can, the one with the highest `heals` is the way back to rest: see `invariants.ts`.
 */
export type Step = { readonly name: string; readonly heals: number; readonly run: (state: State) => boolean }

/** The names of steps in traces: whom the sides are. */
export const sideNames = ['X', 'Y'] as const

/** The side with this number, 0 or 1. */
export function sideOf(state: State, number: number): Side {
  return number === 0 ? state.sides[0] : state.sides[1]
}

/** What a worker works for; it has one unless it is idle. */
export function cutOf(state: State, worker: Worker): Cut {
  return itemOf(state.cuts, worker.cut - 1)
}

/** An element that is there by construction. */
export function itemOf<T>(items: readonly T[], index: number): T {
  const item = items[index]
  if (item === undefined) throw new RangeError(`nothing at ${index}`)
  return item
}

export function isOpen({ state }: Side): boolean {
  return state === active || state === suspended
}

/** Whether the workflow waits for the answer of a cut. */
export function isCutting({ workflow: { phase } }: State): boolean {
  return phase === phases.cutting || phase === phases.settling
}

/** Whether a transaction of a worker holds the tables of this side. */
export function isFenced(state: State, number: number): boolean {
  for (const worker of state.workers) if (holdsTables(worker.pc) && cutOf(state, worker).from === number) return true
  return false
}

/** Whether a transaction of a worker holds the placement's row of this side. */
export function isRowLocked(state: State, number: number): boolean {
  for (const worker of state.workers) if (holdsRow(worker.pc) && cutOf(state, worker).from === number) return true
  return false
}

export function holdsTables(pc: number): boolean {
  return (pc >= at.locked && pc <= at.seen) || pc === at.ghost
}

function holdsRow(pc: number): boolean {
  return (pc >= at.held && pc <= at.seen) || pc === at.ghost
}

/** Changes a row and commits; with `sync` everything that this server has done before is on disk then, else a crash brings the row back. */
export function commitRow(
  side: Side,
  sync: boolean,
  change: Partial<Pick<Side, 'state' | 'epoch' | 'permit' | 'trigger' | 'claim'>>,
): void {
  if (!sync && side.async === 0) {
    side.async = 1
    const { state, epoch, permit, trigger, claim } = side
    Object.assign(side.old, { state, epoch, permit, trigger, claim })
  }
  Object.assign(side, change)
  if (sync) flushAll(side)
}

/** A synchronous commit: the write-ahead log is one, so all before it is on disk with it. */
export function flushAll(side: Side): void {
  side.async = 0
  flush(side)
}

/** The numbers of tries only rise. Here they keep their order and lose their distance, so that there are few of them. */
export function renumber({ sides, workers }: State): void {
  const olds = sides.filter(({ async }) => async === 1).map(({ old }) => old)
  const holders = [...sides, ...olds, ...workers]
  const numbers = [...new Set([0, ...holders.map(({ claim }) => claim)])].toSorted((a, b) => a - b)
  for (const holder of holders) holder.claim = numbers.indexOf(holder.claim)
}
