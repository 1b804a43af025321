import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSecretsMapper } from '../../../isolation/mappers/secrets.ts'
import type { Target } from '../../../isolation/mapper.ts'
import { testArchive, type TestArchive } from '../../support/archive.ts'
import { memorySecrets } from '../../support/memory-secrets.ts'

let archive: TestArchive
beforeAll(async () => {
  archive = await testArchive()
})
afterAll(() => archive.drop())

const mapper = createSecretsMapper()
const prefix = 'secrets/abcd1234/prod/'
const target = (secrets = memorySecrets()) =>
  ({
    spec: { kind: 'secrets', name: prefix, placement: 0 },
    tenantId: 'tenant-1',
    signal: new AbortController().signal,
    timeoutMs: 5_000,
    secrets,
  }) as Target<'secrets'>

async function filled(values: Readonly<Record<string, string>>) {
  const one = target()
  for (const [name, value] of Object.entries(values)) await one.secrets.replace(`${prefix}${name}`, value)
  return one
}
const values = { topic: 'a key', 'object-store': 'line\nend', mine: '', 'database-1': 'gone with its placement' }

test('secrets come back as they were; a password of another placement does not', async () => {
  const from = await filled(values)
  const inventory = await mapper.export?.(from, archive.writer(), [])
  if (inventory === undefined) throw new Error('nothing')
  expect(inventory).toMatchObject({ names: ['mine', 'object-store', 'topic'].map((name) => `${prefix}${name}`) })
  const to = await filled({ topic: 'a new key', 'database-2': 'new' })
  await expect(mapper.compare?.(to, inventory)).rejects.toMatchObject({ code: 'restore_differs' })
  await mapper.import?.(to, archive.reader(), inventory)
  await mapper.compare?.(to, inventory)
  expect(await to.secrets.read(`${prefix}topic`)).toBe('a key')
  expect(await to.secrets.list(prefix)).toEqual(
    ['database-2', 'mine', 'object-store', 'topic'].map((name) => `${prefix}${name}`),
  )
  await to.secrets.replace(`${prefix}mine`, 'another')
  const differing = mapper.compare?.(to, inventory)
  await expect(differing).rejects.toMatchObject({ code: 'restore_differs' })
  await expect(differing).rejects.not.toThrow('another')
})

test('an archive of another environment is refused, and nothing is written', async () => {
  const inventory = await mapper.export?.(await filled(values), archive.writer(), [])
  const to = target()
  const elsewhere = { ...to, spec: { ...to.spec, name: 'secrets/abcd1234/test/' } }
  if (inventory === undefined) throw new Error('nothing')
  await expect(mapper.import?.(elsewhere, archive.reader(), inventory)).rejects.toMatchObject({
    code: 'archive_damaged',
  })
  expect(await to.secrets.list('secrets/')).toEqual([])
})
