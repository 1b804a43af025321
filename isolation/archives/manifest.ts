import { text } from 'node:stream/consumers'
import {
  archiveManifest,
  inventory,
  partsOf,
  type ArchiveManifest,
  type Inventory,
  type StoredPart,
} from '../../domain/archive.ts'
import { FreeholdError } from '../../domain/errors.ts'
import { once } from './cold-storage.ts'
import type { ArchiveReader, ArchiveWriter } from './parts.ts'

/** Writes what is in an archive, or in one export, as JSON beside it. */
export function writeListing(
  to: ArchiveWriter,
  name: string,
  listing: ArchiveManifest | Inventory,
): Promise<StoredPart> {
  return to.put(name, once(Buffer.from(JSON.stringify(listing))))
}

/** Throws `archive_damaged`, also for one that is whole and says something else. */
export async function readManifest(from: ArchiveReader, part: StoredPart): Promise<ArchiveManifest> {
  return parsed(archiveManifest, await from.read(part, text), part)
}

/** The same for the inventory of one export. */
export async function readInventory(from: ArchiveReader, part: StoredPart): Promise<Inventory> {
  return parsed(inventory, await from.read(part, text), part)
}

function parsed<T>(
  schema: { safeParse: (value: unknown) => { success: true; data: T } | { success: false } },
  json: string,
  { path }: StoredPart,
): T {
  const read = schema.safeParse(JSON.parse(json))
  if (read.success) return read.data
  throw new FreeholdError('archive_damaged', `part ${path} is not what this release can read`)
}

/** Reads every part that an inventory names to its end. Throws `archive_damaged`, naming the first that is not what was written. */
export async function readBack(from: ArchiveReader, listed: Inventory): Promise<void> {
  for (const part of partsOf(listed))
    await from.read(part, async (plain) => {
      for await (const _ of plain) continue
    })
}
