import { mkdtemp, rm } from 'node:fs/promises'
import type * as files from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { once } from '../../../isolation/archives/cold-storage.ts'
import { createFolderStorage } from '../../../isolation/archives/folder-storage.ts'

const { flushed } = vi.hoisted(() => ({ flushed: new Set<string>() }))
vi.mock('node:fs/promises', async (importOriginal) => {
  const original = await importOriginal<typeof files>()
  const open: typeof files.open = async (path, ...more) => {
    const handle = await original.open(path, ...more)
    const sync = handle.sync.bind(handle)
    handle.sync = async () => {
      flushed.add(String(path))
      return sync()
    }
    return handle
  }
  return { ...original, open }
})

test('a file of an archive survives a power cut: every folder on the way to it is flushed, by whoever it was made', async () => {
  const root = await mkdtemp(join(tmpdir(), 'freehold-archives-'))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  const storage = createFolderStorage(root)
  for (const name of ['first', 'second']) {
    flushed.clear()
    await storage.put(`abcd1234/prod/1/${name}/table-1`, once(Buffer.from('rows')))
    const way = ['', 'abcd1234', 'abcd1234/prod', 'abcd1234/prod/1', `abcd1234/prod/1/${name}`]
    expect([...flushed]).toEqual(expect.arrayContaining(way.map((folder) => join(root, folder))))
  }
})
