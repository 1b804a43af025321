import { fstatSync, statSync } from 'node:fs'
import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { once } from '../../../isolation/archives/cold-storage.ts'
import { createFolderStorage } from '../../../isolation/archives/folder-storage.ts'

/** Numbers on the disk of what is flushed from now on. */
async function flushes(): Promise<Set<number>> {
  const handle = await open(tmpdir())
  const prototype = Object.getPrototypeOf(handle) as FileHandle
  await handle.close()
  const flushed = new Set<number>()
  // Not carried out: whether a disk keeps what it is told is not for us to test.
  const spy = vi.spyOn(prototype, 'sync').mockImplementation(async function (this: FileHandle) {
    flushed.add(fstatSync(this.fd).ino)
  })
  onTestFinished(() => spy.mockRestore())
  return flushed
}

test('a file of an archive survives a power cut: every folder on the way to it is flushed, by whoever it was made', async () => {
  const root = await mkdtemp(join(tmpdir(), 'freehold-archives-'))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  const storage = createFolderStorage(root)
  const flushed = await flushes()
  for (const name of ['first', 'second']) {
    flushed.clear()
    await storage.put(`abcd1234/prod/1/${name}/table-1`, once(Buffer.from('rows')))
    const way = ['', 'abcd1234', 'abcd1234/prod', 'abcd1234/prod/1', `abcd1234/prod/1/${name}`]
    expect(way.filter((folder) => !flushed.has(statSync(join(root, folder)).ino))).toEqual([])
  }
})
