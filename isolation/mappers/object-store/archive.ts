import { createHash } from 'node:crypto'
import type { InventoryOf } from '../../../domain/archive.ts'
import { FreeholdError } from '../../../domain/errors.ts'
import type { JsonObject } from '../../../domain/json.ts'
import type { ArchiveReader, ArchiveWriter } from '../../archives/parts.ts'
import { bundled, unbundle } from './bundle.ts'
import type { Area, AreaClaim, ObjectStore } from './port.ts'

type ObjectInventory = InventoryOf<'object-store'>
type Located = [store: ObjectStore, area: Area, claim: AreaClaim]

/** Writes every object of an area to an archive, in one stream. */
export async function exportObjects([store, area]: Located, to: ArchiveWriter): Promise<ObjectInventory> {
  const listings = await store.listings(area)
  const hashes = new Map<string, string>()
  const open = async (key: string) => hashing(await store.read(area, key), (sha256) => hashes.set(key, sha256))
  const part = await to.put('objects', bundled(listings, open))
  const objects = listings.map(({ key, size }) => ({ key, size, sha256: hashes.get(key) ?? '' }))
  return { kind: 'object-store', objects, part }
}

/** Brings the objects of an archive back into a closed area; what else is there goes. */
export async function importObjects(
  [store, area, claim]: Located,
  from: ArchiveReader,
  { objects, part }: ObjectInventory,
): Promise<JsonObject> {
  const known = new Set(objects.map(({ key }) => key))
  // First, because what is in the way may be a folder of the name of an object.
  for (const { key } of await store.listings(area)) if (!known.has(key)) await store.erase(area, claim, key)
  await from.read(part, (plain) => unbundle(plain, ({ key }, body) => store.write(area, claim, key, body)))
  return { objects: objects.length }
}

/** Throws `restore_differs`, naming an object that is not what was archived. */
export async function compareObjects([store, area]: Located, { objects }: ObjectInventory): Promise<void> {
  const found = new Map((await store.inventory(area)).map((entry) => [entry.key, entry]))
  for (const { key, size, sha256 } of objects) {
    const seen = found.get(key)
    if (seen?.size !== size || seen.sha256 !== sha256)
      throw differs(area, seen === undefined ? `${key} is missing` : `${key} is another`)
    found.delete(key)
  }
  const [more] = found.keys()
  if (more !== undefined) throw differs(area, `there is ${more} as well`)
}

function differs({ container, prefix }: Area, what: string): FreeholdError {
  return new FreeholdError('restore_differs', `${container}/${prefix} is not what was archived: ${what}`)
}

async function* hashing(source: AsyncIterable<Uint8Array>, tell: (sha256: string) => void): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  for await (const chunk of source) {
    hash.update(chunk)
    yield chunk
  }
  tell(hash.digest('hex'))
}
