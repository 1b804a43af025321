import { randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compareObjects, exportObjects, importObjects } from '../../../isolation/mappers/object-store/archive.ts'
import { createFileSystemStore } from '../../../isolation/mappers/object-store/file-system.ts'
import { testArchive, type TestArchive } from '../../support/archive.ts'
import { temporaryDirectory } from '../../support/temp-dir.ts'

let archive: TestArchive
beforeAll(async () => {
  archive = await testArchive()
})
afterAll(() => archive.drop())

const claim = { owner: 'tenant-1', placement: 0, epoch: 1, fence: 1 }
const area = { container: 'data', prefix: 'tenants/abcd1234/prod/' }

async function* of(...pieces: Uint8Array[]) {
  yield* pieces
}

/** An area, closed, with these objects. */
async function filled(objects: Readonly<Record<string, Uint8Array>>) {
  const store = createFileSystemStore(temporaryDirectory())
  await store.ensureArea(area, claim, 'closed')
  for (const [key, bytes] of Object.entries(objects)) await store.write(area, claim, key, of(bytes))
  return [store, area, claim] as [typeof store, typeof area, typeof claim]
}

const objects = {
  'a.bin': randomBytes(300_000),
  'a folder/Ünï cödé.txt': Buffer.from('{"key":"x","size":1}\n'),
  empty: Buffer.alloc(0),
  'line\u2028.txt': Buffer.from('\n\n'),
}

test('objects of a closed area come back as they were, and nothing else is there', async () => {
  const from = await filled(objects)
  const inventory = await exportObjects(from, archive.writer())
  expect(inventory.objects.map(({ key, size }) => [key, size])).toEqual(
    Object.entries(objects)
      .map(([key, bytes]) => [key, bytes.length])
      .toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1)),
  )
  // What is there has the name of a folder, and the content of another.
  const to = await filled({ 'a folder': Buffer.from('x'), more: Buffer.from('y'), 'a.bin': Buffer.from('z') })
  await expect(compareObjects(to, inventory)).rejects.toMatchObject({ code: 'restore_differs' })
  await importObjects(to, archive.reader(), inventory)
  await importObjects(to, archive.reader(), inventory)
  await compareObjects(to, inventory)
  const [store] = to
  for (const [key, bytes] of Object.entries(objects))
    expect((await buffer(await store.read(area, key))).equals(bytes)).toBe(true)
  expect(await store.describeArea(area)).toMatchObject({ frozen: true })
})

test.each([
  ['an object that was changed', 'a.bin', Buffer.from('other'), 'a.bin is another'],
  ['an object that is one too many', 'more', Buffer.from('y'), 'there is more as well'],
] as const)('%s is told', async (_, key, bytes, message) => {
  const inventory = await exportObjects(await filled(objects), archive.writer())
  const to = await filled({ ...objects, [key]: bytes })
  await expect(compareObjects(to, inventory)).rejects.toMatchObject({
    code: 'restore_differs',
    message: expect.stringContaining(message) as string,
  })
  const without = await filled({ 'a.bin': objects['a.bin'] })
  await expect(compareObjects(without, inventory)).rejects.toThrow('is missing')
})

test('an area of somebody else, and one that a later claim has worked on, gets no object', async () => {
  const [store] = await filled({})
  await expect(store.write(area, { ...claim, owner: 'tenant-2' }, 'x', of())).rejects.toMatchObject({
    code: 'resource_not_owned',
  })
  await store.freezeArea(area, { ...claim, fence: 2 })
  await expect(store.write(area, claim, 'x', of())).rejects.toMatchObject({ code: 'operation_superseded' })
  await expect(store.erase(area, claim, 'x')).rejects.toMatchObject({ code: 'operation_superseded' })
  expect(await store.listings(area)).toEqual([])
})
