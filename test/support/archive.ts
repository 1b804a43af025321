import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newTenantKey } from '../../registry/tenant-keys.ts'
import { createFolderStorage } from '../../isolation/archives/folder-storage.ts'
import { archiveReader, archiveWriter } from '../../isolation/archives/parts.ts'

let exports_ = 0

/** Cold storage of one tenant in a folder of its own; `drop` removes it. */
export async function testArchive() {
  const root = await mkdtemp(join(tmpdir(), 'freehold-archives-'))
  const { sealer } = newTenantKey(randomBytes(32), 'tenant-1', { isOwn: false })
  const storage = createFolderStorage(root)
  const access = { storage, sealer, folder: 'abcd1234/prod/1/', signal: new AbortController().signal }
  return {
    root,
    storage,
    /** A writer in a folder that no other export has. */
    writer: () => archiveWriter(access, `export/${(exports_ += 1)}`),
    reader: () => archiveReader(access),
    drop: () => rm(root, { recursive: true, force: true }),
  }
}
export type TestArchive = Awaited<ReturnType<typeof testArchive>>
