import { lstat, mkdir, realpath, rm, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { FreeholdError } from '../../domain/errors.ts'
import {
  codeOf,
  exists,
  filesBelow,
  openFile,
  pruneEmpty,
  refuseLinks,
  syncDirectory,
  unless,
  writeDurably,
} from '../mappers/files.ts'
import { keySegments, reservedName } from '../mappers/object-store/keys.ts'
import type { ColdStorage } from './cold-storage.ts'

/** Cold storage in a folder of this machine, or one that is mounted there. */
export function createFolderStorage(root: string): ColdStorage {
  /** Where a path is on the disk; an unmounted volume must not be taken for an empty one. */
  async function guarded<T>(path: string, work: (place: { root: string; file: string }) => Promise<T>): Promise<T> {
    try {
      const real = await unless(['ENOENT'], realpath(root), undefined)
      if (real === undefined)
        throw new FreeholdError('substrate_unavailable', `the folder of archives ${root} does not exist; mount it`)
      const file = join(real, ...keySegments(path.replace(/\/$/, '')))
      await refuseLinks(file)
      return await work({ root: real, file })
    } catch (error) {
      const code = codeOf(error)
      if (error instanceof FreeholdError || !/^E[A-Z]+$/.test(code)) throw error
      throw new FreeholdError('substrate_unavailable', `the storage of archives answered ${code}`)
    }
  }

  return {
    put: (path, body) =>
      guarded(path, async ({ root: top, file }) => {
        await mkdir(dirname(file), { recursive: true, mode: 0o700 })
        // Beside the file, so that what a crash leaves unfinished goes with its folder.
        const scratch = join(dirname(file), reservedName)
        await refuseLinks(scratch)
        await writeDurably(file, scratch, body)
        // A folder that is new lasts only once the one above it is flushed; an earlier try may have made it and died.
        let folder = dirname(file)
        while (folder !== top) {
          folder = dirname(folder)
          await syncDirectory(folder)
        }
      }),
    open: (path) =>
      guarded(path, async ({ file }) => {
        const handle = await openFile(file)
        if (handle !== undefined) return handle.createReadStream({ highWaterMark: 256 * 1024 })
        throw new FreeholdError('not_found', `there is no file ${path} in the storage of archives`)
      }),
    list: (folder) =>
      guarded(folder, async ({ file }) => {
        const found = []
        if (!(await exists(file))) return []
        for await (const below of filesBelow(file)) {
          if (below.split('/').includes(reservedName)) continue
          const { size } = await lstat(join(file, below))
          found.push({ path: `${folder.replace(/\/$/, '')}/${below}`, size })
        }
        return found.toSorted((a, b) => (a.path < b.path ? -1 : 1))
      }),
    delete: (path) =>
      guarded(path, async ({ root: top, file }) => {
        const deleted = await unless(
          ['ENOENT'],
          unlink(file).then(() => true),
          false,
        )
        await pruneEmpty(dirname(file), top)
        return deleted
      }),
    deleteFolder: (folder) =>
      guarded(folder, async ({ root: top, file }) => {
        const isThere = await exists(file)
        await rm(file, { recursive: true, force: true })
        await pruneEmpty(dirname(file), top)
        return isThere
      }),
  }
}
