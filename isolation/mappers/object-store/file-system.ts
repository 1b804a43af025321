import { createHash } from 'node:crypto'
import { constants, createReadStream } from 'node:fs'
import { lstat, mkdir, open, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { FreeholdError } from '../../../domain/errors.ts'
import { destroyArea, makeArea, placeOf, readState, refuseForeign, scratchOf, writeTag, type Place } from './area.ts'
import { checkCredential, issueCredential } from './credential.ts'
import { codeOf, exists, filesBelow, pruneEmpty, refuseLinks, unless, writeDurably } from '../files.ts'
import { keySegments, reservedName } from './keys.ts'
import type { Area, ObjectAccess, ObjectListing, ObjectStore, Permission } from './port.ts'

/** Object store in a folder of this machine: `<root>/<container>/<prefix>`, one file an object. */
export function createFileSystemStore(): ObjectStore {
  return {
    describeArea: (area) => guarded(area, readState),
    ensureArea: (area, owner, epoch) => guarded(area, (place) => makeArea(place, owner, epoch)),
    freezeArea: (area, owner, epoch) => guarded(area, (place) => setFrozen(place, owner, true, epoch)),
    thawArea: (area, owner, epoch) => guarded(area, (place) => setFrozen(place, owner, false, epoch)),
    purgeArea: (area, owner) => guarded(area, (place) => destroyArea(place, owner)),
    inventory: (area) =>
      guarded(area, async (place) => {
        const entries = []
        for (const listing of await listObjects(place))
          entries.push({ ...listing, sha256: await hashFile(join(place.folder, listing.key)) })
        return entries
      }),
    usage: (area) =>
      guarded(area, async (place) => {
        const listings = await listObjects(place)
        return { bytes: listings.reduce((sum, { size }) => sum + size, 0), objects: listings.length }
      }),
    scopedCredential: issueCredential,
    open: openArea,
  }
}

function openArea(area: Area, access: Parameters<ObjectStore['open']>[1]): ObjectAccess {
  const allowed = <T>(wanted: Permission, work: (place: Place) => Promise<T>): Promise<T> =>
    guarded(area, async (place) => {
      checkCredential(area, access, wanted)
      await refuseClosed(place)
      return work(place)
    })
  return {
    put: (key, body) => allowed('write', (place) => putObject(place, key, body)),
    get: (key) => allowed('read', (place) => getObject(place, key)),
    list: (prefix) =>
      allowed('list', async (place) => (await listObjects(place)).filter(({ key }) => key.startsWith(prefix))),
    delete: (key) => allowed('delete', (place) => deleteObject(place, key)),
  }
}

async function setFrozen(place: Place, owner: string, frozen: boolean, epoch: number): Promise<void> {
  const state = await readState(place)
  refuseForeign(place, state, owner)
  if (state === undefined && frozen) return
  if (state === undefined)
    throw new FreeholdError('not_found', `the object area ${place.folder} does not exist, so it cannot be opened`)
  if (state.epoch > epoch)
    throw new FreeholdError(
      'operation_superseded',
      `the object area ${place.folder} was changed by a later operation than epoch ${epoch}; nothing was done`,
    )
  await writeTag(place, owner, frozen, epoch)
}

async function refuseClosed(place: Place): Promise<void> {
  const state = await readState(place)
  if (state === undefined) throw new FreeholdError('not_found', 'the object area does not exist')
  if (state.frozen) throw new FreeholdError('forbidden', 'the object area is closed: the tenant is suspended')
}

/** The file of a key, no link on the way to it. */
async function fileOf(place: Place, key: string): Promise<string> {
  const file = join(place.folder, ...keySegments(key))
  await refuseLinks(dirname(file))
  return file
}

async function putObject(place: Place, key: string, body: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  const file = await fileOf(place, key)
  const beforeRename = async () => {
    // Again, because a large body takes its time.
    await refuseClosed(place)
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  }
  await writeDurably(file, scratchOf(place), body, beforeRename).catch((error: unknown) => {
    if (!['EEXIST', 'ENOTDIR', 'EISDIR', 'ENOTEMPTY'].includes(codeOf(error))) throw error
    throw new FreeholdError('invalid_request', `${key} is or lies below another object, and a folder cannot be both`)
  })
}

async function getObject(place: Place, key: string) {
  const file = await fileOf(place, key)
  const handle = await unless(
    ['ENOENT', 'ENOTDIR', 'ELOOP'],
    open(file, constants.O_RDONLY | constants.O_NOFOLLOW),
    undefined,
  )
  if (handle !== undefined && (await handle.stat()).isFile()) return handle.createReadStream()
  await handle?.close()
  throw new FreeholdError('not_found', `there is no object ${key}`)
}

async function deleteObject(place: Place, key: string): Promise<boolean> {
  const file = await fileOf(place, key)
  if (!(await exists(file)) || !(await lstat(file)).isFile()) return false
  const deleted = await unless(
    ['ENOENT'],
    unlink(file).then(() => true),
    false,
  )
  await pruneEmpty(dirname(file), place.folder)
  return deleted
}

async function listObjects(place: Place): Promise<ObjectListing[]> {
  const listings: ObjectListing[] = []
  if (!(await exists(place.folder))) return listings
  for await (const key of filesBelow(place.folder)) {
    if (key.startsWith(`${reservedName}/`)) continue
    const { size } = await lstat(join(place.folder, key))
    listings.push({ key, size })
  }
  return listings.toSorted((a, b) => (a.key < b.key ? -1 : 1))
}

async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

/** Finds the place, and turns what the file system throws into an error of ours. */
async function guarded<T>(area: Area, work: (place: Place) => Promise<T>): Promise<T> {
  try {
    return await work(await placeOf(area))
  } catch (error) {
    const code = codeOf(error)
    if (error instanceof FreeholdError || code === '') throw error
    throw new FreeholdError('substrate_unavailable', `the object store ${area.container} answered ${code}`)
  }
}
