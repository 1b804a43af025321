import type { Side } from './state.ts'

/**
 * A stream carries what was committed on one side to the other, in the order of commits. An entry is an octal digit: 1 and
 * 2 are keys of clients, 3 to 5 the markers of the workers' tries, 6 the marker that the row of the source names since close.
 */
export const rowMarker = 6

export function keyEntry(client: number): number {
  return client + 1
}

export function markerEntry(worker: number): number {
  return worker + 3
}

/** Puts an entry at the end of what is on its way to `target`. A side that is gone has no streams, and an id is there once. */
export function push(target: Side, entry: number): void {
  if (target.gone === 0 && !holds(target, entry)) target.stream |= entry << (3 * length(target.stream))
}

/** Whether an entry can be seen on `target`: applied, flushed or not. */
export function isApplied(target: Side, entry: number): boolean {
  return (target.flushed & bit(entry)) !== 0 || contains(target.stream & ((1 << (3 * target.applied)) - 1), entry)
}

/** Whether an entry has come, or is on its way. */
function holds(target: Side, entry: number): boolean {
  return (target.flushed & bit(entry)) !== 0 || contains(target.stream, entry)
}

/** The entry that is applied next; 0 for none. */
export function nextEntry(target: Side): number {
  return (target.stream >> (3 * target.applied)) & 7
}

/** All that is applied is on disk from now on. */
export function flush(target: Side): void {
  for (; target.applied > 0; target.applied -= 1) {
    target.flushed |= bit(target.stream & 7)
    target.stream >>= 3
  }
}

/** Renames an entry wherever it is; a marker that nobody will look for again becomes 0 and is taken out. */
export function rename(target: Side, from: number, to: number): void {
  if ((target.flushed & bit(from)) !== 0) target.flushed = (target.flushed & ~bit(from)) | (to === 0 ? 0 : bit(to))
  if (!contains(target.stream, from)) return
  let [stream, shift, index, applied] = [0, 0, 0, target.applied]
  for (let rest = target.stream; rest > 0; rest >>= 3, index += 1) {
    const entry = (rest & 7) === from ? to : rest & 7
    if (entry === 0 && index < target.applied) applied -= 1
    if (entry === 0) continue
    stream |= entry << shift
    shift += 3
  }
  target.stream = stream
  target.applied = applied
}

function contains(stream: number, entry: number): boolean {
  for (let rest = stream; rest > 0; rest >>= 3) if ((rest & 7) === entry) return true
  return false
}

function bit(entry: number): number {
  return 1 << (entry - 1)
}

function length(stream: number): number {
  let count = 0
  for (let rest = stream; rest > 0; rest >>= 3) count += 1
  return count
}
