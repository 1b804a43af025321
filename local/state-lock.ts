import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { codeOf, LocalStackError } from './errors.ts'
import { identify, isAlive } from './process-table.ts'
import type { ProcessIdentity } from './process-table.ts'

/**
 * Takes the lock file for this process and returns the function that gives it back. A lock whose process has ended is
 * taken over; a living one throws LocalStackError with its pid.
 */
export function takeLock(file: string, owner: string): () => void {
  const mine = JSON.stringify(identify(process.pid))
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, mine, { mode: 0o600 })
  try {
    while (!linked(draft, file)) clearStaleLock(file, owner)
  } finally {
    rmSync(draft, { force: true })
  }
  return () => {
    if (read(file) === mine) rmSync(file, { force: true })
  }
}

/** `link` makes the lock appear with its content, in one step, and only if there is none. */
function linked(draft: string, file: string): boolean {
  try {
    linkSync(draft, file)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

function clearStaleLock(file: string, owner: string): void {
  const content = read(file)
  if (content === undefined) return
  const holder = parse(content)
  if (holder !== undefined && isAlive(holder)) {
    throw new LocalStackError(
      `${owner} is in use by the running process ${holder.pid}; stop that one first (kill ${holder.pid}), or use another state directory (FREEHOLD_STATE_DIR).`,
    )
  }
  // Another start may clear the same stale lock and hold a new one already: take it aside, look again, give it back.
  const aside = `${file}.${process.pid}.stale`
  try {
    renameSync(file, aside)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  if (read(aside) !== content) linked(aside, file)
  rmSync(aside, { force: true })
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

function parse(content: string): ProcessIdentity | undefined {
  try {
    const value: unknown = JSON.parse(content)
    if (typeof value !== 'object' || value === null || !('pid' in value) || !('startTime' in value)) return undefined
    return { pid: Number(value.pid), startTime: String(value.startTime) }
  } catch {
    return undefined
  }
}
