import { randomUUID } from 'node:crypto'
import { constants, type Dirent } from 'node:fs'
import { lstat, mkdir, open, opendir, realpath, rename, rm, rmdir, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { FreeholdError } from '../../domain/errors.ts'

type Body = string | Uint8Array | AsyncIterable<Uint8Array>

/** The code of a file system error, or ''. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/** Gives `fallback` when the work fails with one of these codes. */
export async function unless<T, F>(codes: readonly string[], work: Promise<T>, fallback: F): Promise<T | F> {
  return work.catch((error: unknown) => {
    if (codes.includes(codeOf(error))) return fallback
    throw error
  })
}

/**
 * A file to read; undefined when there is none, or one of these codes says so, and for anything that is no file. Follows no link; and
 * waits for nobody: a pipe in the place of a file would hold one of the few threads for files for ever.
 */
export async function openFile(path: string, none: readonly string[] = []): Promise<FileHandle | undefined> {
  const reading = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const handle = await unless(['ENOENT', 'ENXIO', ...none], open(path, reading), undefined)
  if (handle === undefined || (await handle.stat()).isFile()) return handle
  await handle.close()
  return undefined
}

/** Whether something is there, a dangling link included. */
export async function exists(path: string): Promise<boolean> {
  return unless(
    ['ENOENT', 'ENOTDIR'],
    lstat(path).then(() => true),
    false,
  )
}

/** Throws `forbidden` when the path, as far as it exists, leads over a symbolic link. The path must be absolute. */
export async function refuseLinks(path: string): Promise<void> {
  let existing = path
  for (;;) {
    while (!(await exists(existing))) existing = dirname(existing)
    const real = await unless(['ENOENT', 'ELOOP'], realpath(existing), undefined)
    if (real === existing) return
    // A link that leads nowhere. What somebody has removed meanwhile is none, and is looked for again.
    const isLink = async () => (await unless(['ENOENT', 'ENOTDIR'], lstat(existing), undefined))?.isSymbolicLink()
    if (real !== undefined || (await isLink())) break
  }
  throw new FreeholdError(
    'forbidden',
    `${basename(path)} lies behind a symbolic link, which object areas do not follow`,
  )
}

/** Writes a file whole or not at all: to `scratch`, flushed to the disk, then renamed, and the rename flushed too. */
export async function writeDurably(path: string, scratch: string, body: Body, beforeRename = async () => {}) {
  await mkdir(scratch, { recursive: true })
  const temporary = join(scratch, randomUUID())
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(body)
      await file.sync()
    } finally {
      await file.close()
    }
    await beforeRename()
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncDirectory(dirname(path))
}

/** Makes renames in a directory survive a power cut; Windows has no such call and does it by itself. */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const directory = await open(path, constants.O_RDONLY)
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** Regular files below a folder, as paths with `/` relative to it; links and special files are passed over. */
export async function* filesBelow(folder: string, below = ''): AsyncGenerator<string> {
  const entries: Dirent[] = []
  for await (const entry of await opendir(join(folder, below))) entries.push(entry)
  for (const entry of entries) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    if (entry.isFile()) yield path
    else if (entry.isDirectory()) yield* filesBelow(folder, path)
  }
}

/** Removes empty folders from `folder` upwards, up to but not including `stop`. */
export async function pruneEmpty(folder: string, stop: string): Promise<void> {
  for (let at = folder; at !== stop && at.startsWith(stop); at = dirname(at)) {
    const gone = await unless(
      ['ENOTEMPTY', 'EEXIST'],
      rmdir(at).then(() => true),
      false,
    ).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return true
      throw error
    })
    if (!gone) return
  }
}
