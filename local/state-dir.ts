import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { LocalStackError, messageOf } from './errors.ts'
import { stopLeftovers } from './server-process.ts'
import { takeLock } from './state-lock.ts'

const marker = 'freehold-state'
const lockFile = 'lock'
const megabyte = 1024 * 1024

/** The state directory while this process holds its lock; `path` is absolute. */
export type StateDir = { path: string; release: () => void }

/**
 * Opens the state directory of a local stack: made with mode 700 if absent, locked against a second stack, servers that
 * a killed run left behind ended, and with `fresh` emptied. `minimumFreeBytes` (default 300 MB) is what its disk must
 * have left. Throws LocalStackError when a living process holds it, when it is not one of ours (a directory with
 * content but without our marker is never written to nor removed), or when the disk is full.
 */
export async function openStateDir(options: {
  path: string
  fresh?: boolean
  minimumFreeBytes?: number
  log: (message: string) => void
}): Promise<StateDir> {
  const path = resolve(options.path)
  let release: (() => void) | undefined
  try {
    claim(path)
    release = takeLock(join(path, lockFile), path)
    await stopLeftovers(path, options.log)
    if (options.fresh === true) empty(path)
    checkFreeDisk(path, options.minimumFreeBytes ?? 300 * megabyte)
    return { path, release }
  } catch (error) {
    release?.()
    if (error instanceof LocalStackError) throw error
    throw new LocalStackError(`The state directory ${path} cannot be used: ${messageOf(error)}.`, { cause: error })
  }
}

function claim(path: string): void {
  mkdirSync(dirname(path), { recursive: true })
  if (!existsSync(path)) mkdirSync(path, { mode: 0o700 })
  const entries = readdirSync(path)
  if (entries.includes(marker)) return
  if (entries.length > 0) {
    throw new LocalStackError(
      `${path} holds files that are not Freehold's (it has no file "${marker}"); choose another state directory (FREEHOLD_STATE_DIR), or empty it yourself.`,
    )
  }
  writeFileSync(join(path, marker), 'State of a local Freehold stack. Remove it all with: npm start -- --fresh\n')
}

function empty(path: string): void {
  for (const entry of readdirSync(path)) {
    if (entry !== marker && entry !== lockFile) rmSync(join(path, entry), { recursive: true, force: true })
  }
}

function checkFreeDisk(path: string, minimumFreeBytes: number): void {
  const { bavail, bsize } = statfsSync(path)
  if (bavail * bsize >= minimumFreeBytes) return
  const inMegabytes = (bytes: number): number => Math.floor(bytes / megabyte)
  throw new LocalStackError(
    `The disk of ${path} has ${inMegabytes(bavail * bsize)} MB left and ${inMegabytes(minimumFreeBytes)} MB are needed; free some space and start again.`,
  )
}
