import { execFileSync, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { newTenantKey } from '../../../registry/tenant-keys.ts'
import { createFolderStorage } from '../../../isolation/archives/folder-storage.ts'
import { archiveReader, archiveWriter } from '../../../isolation/archives/parts.ts'
import { temporaryDirectory } from '../../support/temp-dir.ts'

const { sealer } = newTenantKey(randomBytes(32), 'tenant-1', { isOwn: false })
const text = Buffer.from('one\trow of a tenant\n'.repeat(40_000))

async function* of(...pieces: Uint8Array[]) {
  yield* pieces
}

/** An archive of one part. */
async function archive() {
  const root = temporaryDirectory()
  const storage = createFolderStorage(root)
  const access = { storage, sealer, folder: 'abcd1234/prod/1/', signal: new AbortController().signal }
  const part = await archiveWriter(access, 'database/7').put('table-1', of(text.subarray(0, 100), text.subarray(100)))
  const file = join(root, 'abcd1234/prod/1', part.path)
  const read = (from = access) => archiveReader(from).read(part, buffer)
  return { root, storage, access, part, file, read }
}

test('a part is compressed, sealed, and comes out as it went in', async () => {
  const { part, file, read } = await archive()
  const stored = await readFile(file)
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
  expect(part).toEqual({
    path: 'database/7/table-1',
    bytes: text.length,
    sha256: sha256(text),
    sealedBytes: stored.length,
    sealedSha256: sha256(stored),
  })
  expect(stored.length).toBeLessThan(text.length / 10)
  expect(stored.includes('tenant')).toBe(false)
  expect((await read()).equals(text)).toBe(true)
})

test.each([
  [
    'one bit was changed',
    async (file: string) => {
      const bytes = await readFile(file)
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
      await writeFile(file, bytes)
    },
  ],
  ['was cut short', (file: string) => truncate(file, 100)],
  ['is empty', (file: string) => truncate(file, 0)],
] as const)('a part of which %s is refused by name', async (_, spoil) => {
  const { file, read } = await archive()
  await spoil(file)
  await expect(read()).rejects.toMatchObject({
    code: 'archive_damaged',
    message: expect.stringContaining('database/7/table-1'),
  })
})

test('a part that is missing, or of another tenant or archive, is refused', async () => {
  const { storage, access, read } = await archive()
  const other = newTenantKey(randomBytes(32), 'tenant-2', { isOwn: false }).sealer
  await expect(read({ ...access, sealer: other })).rejects.toMatchObject({ code: 'archive_damaged' })
  await storage.deleteFolder('abcd1234/')
  await expect(read()).rejects.toMatchObject({
    code: 'archive_damaged',
    message: expect.stringContaining('is missing'),
  })
})

test('a sound part of the same archive in the place of another is refused', async () => {
  const { access, file, read } = await archive()
  const other = await archiveWriter(access, 'database/7').put('table-2', of(Buffer.from('another')))
  await writeFile(file, await readFile(file.replace('table-1', other.path.split('/').at(-1) ?? '')))
  await expect(read()).rejects.toMatchObject({ code: 'archive_damaged' })
})

test('a part is stored whole or not at all', async () => {
  const { root, access } = await archive()
  async function* broken() {
    yield text
    throw new Error('the source broke')
  }
  await expect(archiveWriter(access, 'database/8').put('table-1', broken())).rejects.toThrow('the source broke')
  expect(await readdir(join(root, 'abcd1234/prod/1/database/8/.freehold'))).toEqual([])
  expect(await access.storage.list('abcd1234/prod/1/database/8')).toEqual([])
})

test('a write stops at its signal', async () => {
  const { access } = await archive()
  const stopped = new AbortController()
  async function* endless() {
    for (;;) {
      yield randomBytes(100_000)
      stopped.abort(new Error('enough'))
    }
  }
  const writer = archiveWriter({ ...access, signal: stopped.signal }, 'database/9')
  await expect(writer.put('table-1', endless())).rejects.toThrow(/abort/)
  expect(await access.storage.list('abcd1234/prod/1/database/9')).toEqual([])
})

test('the storage lists what is finished, deletes, and leaves no empty folder', async () => {
  const { root, storage } = await archive()
  await mkdir(join(root, 'abcd1234/prod/1/database/7/.freehold'), { recursive: true })
  await writeFile(join(root, 'abcd1234/prod/1/database/7/.freehold/unfinished'), 'x')
  expect((await storage.list('abcd1234/')).map(({ path }) => path)).toEqual(['abcd1234/prod/1/database/7/table-1'])
  expect(await storage.list('efgh5678/')).toEqual([])
  expect(await storage.delete('abcd1234/prod/1/database/7/table-1')).toBe(true)
  expect(await storage.delete('abcd1234/prod/1/database/7/table-1')).toBe(false)
  expect(await storage.deleteFolder('abcd1234/')).toBe(true)
  expect(await storage.deleteFolder('abcd1234/')).toBe(false)
  expect(await readdir(root)).toEqual([])
})

test('a root that is not there is not taken for an empty one, and links are not followed', async () => {
  const { root, storage } = await archive()
  const missing = createFolderStorage(join(root, 'unmounted'))
  await expect(missing.list('abcd1234/')).rejects.toMatchObject({ code: 'substrate_unavailable' })
  await symlink('/tmp', join(root, 'elsewhere'))
  await expect(storage.put('elsewhere/x', of(text))).rejects.toMatchObject({ code: 'forbidden' })
})

test('what is no file in the place of a part is refused at once, and holds no thread', async () => {
  const { file, read } = await archive()
  await rm(file)
  execFileSync('mkfifo', [file])
  // As many as there are threads for files: one that waits for a writer would never come back.
  const tries = Promise.allSettled(Array.from({ length: 4 }, read))
  const ends = await Promise.race([tries, setTimeout(2_000, 'waits')])
  // Lets those that wait go, so that this process can end.
  if (ends === 'waits') spawn('sh', ['-c', `for i in 1 2 3 4 5; do : > '${file}'; done`])
  expect(ends).toMatchObject(Array.from({ length: 4 }, () => ({ reason: { code: 'archive_damaged' } })))
})

test('what is not finished yet is written nowhere else, whatever link is in its way', async () => {
  const { root, storage } = await archive()
  const elsewhere = temporaryDirectory()
  await mkdir(join(root, 'abcd1234/prod/1/database/8'), { recursive: true })
  await symlink(elsewhere, join(root, 'abcd1234/prod/1/database/8/.freehold'))
  async function* looking() {
    yield text
    expect(await readdir(elsewhere)).toEqual([])
  }
  await expect(storage.put('abcd1234/prod/1/database/8/table-1', looking())).rejects.toMatchObject({
    code: 'forbidden',
  })
})
