import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { archiveSpec } from '../../../domain/archive-steps.ts'
import { once, type ColdStorage } from '../../../isolation/archives/cold-storage.ts'
import { createFolderStorage } from '../../../isolation/archives/folder-storage.ts'
import { createArchiveMapper } from '../../../isolation/mappers/archive.ts'
import type { Target } from '../../../isolation/mapper.ts'
import { testArchive } from '../../support/archive.ts'
import { temporaryDirectory } from '../../support/temp-dir.ts'

const target = (fence: number) =>
  ({
    spec: archiveSpec('abcd1234', { environment: 'prod', number: 1, cell: 'eu-1' }),
    tenantId: '01a218fc-380c-79f3-9d8a-ed2cd06a0d20',
    fence,
    signal: new AbortController().signal,
    timeoutMs: 5_000,
  }) as Target<'archive'>

/** The same, and whoever deletes is killed after so many files. */
function killedAfter(storage: ColdStorage, files: number): ColdStorage {
  let left = files
  const dying = () => {
    if (left === 0) throw new Error('killed')
    left -= 1
  }
  return {
    ...storage,
    async delete(path) {
      dying()
      return storage.delete(path)
    },
    async deleteFolder(folder) {
      // In any order: the tag may be the first that goes.
      const found = (await storage.list(folder)).toSorted((a, b) => (a.path > b.path ? -1 : 1))
      for (const { path } of found) {
        dying()
        await storage.delete(path)
      }
      dying()
      return storage.deleteFolder(folder)
    },
  }
}

test('a removal that is killed anywhere is ended by the next', async () => {
  const { storage, drop } = await testArchive()
  onTestFinished(drop)
  const mapper = createArchiveMapper(storage)
  const { folder } = target(1).spec.properties
  for (let files = 0; files < 5; files += 1) {
    await mapper.ensure(target(2 * files + 1))
    for (const name of ['1/manifest', 'database/1-1/table-1', 'secrets/0-1/secrets'])
      await storage.put(`${folder}${name}`, once(Buffer.from('sealed')))
    await createArchiveMapper(killedAfter(storage, files))
      .remove(target(2 * files + 2))
      .catch(() => {})
    expect({ files, ...(await mapper.remove(target(2 * files + 2))) }).not.toMatchObject({ outcome: 'not-owned' })
    expect(await storage.list(folder)).toEqual([])
  }
})

test('a tag that is longer than any of ours is read no further, and is nobody’s', async () => {
  const root = temporaryDirectory()
  const mapper = createArchiveMapper(createFolderStorage(root))
  const spec = archiveSpec('abcd1234', { environment: 'prod', number: 1, cell: 'c' })
  const signal = new AbortController().signal
  const target = { spec, tenantId: 'tenant-1', fence: 1, signal, timeoutMs: 5_000 } as Target<'archive'>
  const tag = async (padding: number) => {
    await mkdir(join(root, spec.properties.folder), { recursive: true })
    const text = JSON.stringify({ freehold: 'tenant-1', placement: 1, fence: 1 })
    await writeFile(join(root, spec.properties.folder, 'owner.json'), text + ' '.repeat(padding))
  }
  await tag(10)
  expect(await mapper.observe(target)).toMatchObject({ exists: true, owner: 'tenant-1' })
  await tag(1024 * 1024)
  expect(await mapper.observe(target)).toMatchObject({ exists: true, owner: undefined })
  expect(await mapper.remove(target)).toMatchObject({ outcome: 'not-owned' })
})

test('another try that writes or removes at the same moment is no stranger', async () => {
  const { storage, drop } = await testArchive()
  onTestFinished(drop)
  const other = createArchiveMapper(storage)
  /** A mapper in the middle of whose first look the other try goes on. */
  const disturbed = (goOn: () => Promise<unknown>) => {
    let isDone = false
    const once = async <T>(answer: Promise<T>): Promise<T> => {
      const before = await answer.catch((error: unknown) => () => Promise.reject(error))
      if (!isDone) {
        isDone = true
        await goOn()
      }
      return typeof before === 'function' ? (before as () => Promise<T>)() : before
    }
    return createArchiveMapper({
      ...storage,
      open: (path) => once(storage.open(path)),
      list: (folder) => once(storage.list(folder)),
    })
  }
  await disturbed(() => other.ensure(target(1))).ensure(target(2))
  expect(await other.observe(target(2))).toMatchObject({ owner: target(2).tenantId })
  expect(await disturbed(() => other.remove(target(3))).remove(target(4))).toEqual({ outcome: 'absent' })
})
