import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { archiveSpec } from '../../../domain/archive-steps.ts'
import { createFolderStorage } from '../../../isolation/archives/folder-storage.ts'
import type { Target } from '../../../isolation/mapper.ts'
import { createArchiveMapper } from '../../../isolation/mappers/archive.ts'
import { temporaryDirectory } from '../../support/temp-dir.ts'

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
