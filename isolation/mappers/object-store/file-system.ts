import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, mkdir, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { FreeholdError } from '../../../domain/errors.ts'
import { destroyArea, makeArea, placeOf, readState, refuseOthers, scratchOf, writeTag, type Place } from './area.ts'
import { checkCredential, issueCredential } from './credential.ts'
import { codeOf, exists, filesBelow, openFile, pruneEmpty, refuseLinks, unless, writeDurably } from '../files.ts'
import { keySegments, reservedName } from './keys.ts'
import type { Area, AreaClaim, ObjectAccess, ObjectListing, ObjectStore, Permission } from './port.ts'

/** Object store in a folder of this machine: `<root>/<container>/<prefix>`, one file an object. */
export function createFileSystemStore(root: string): ObjectStore {
  /** Finds the place, and turns what the file system throws into an error of ours. */
  async function guarded<T>(area: Area, work: (place: Place) => Promise<T>): Promise<T> {
    try {
      return await work(await placeOf(root, area))
    } catch (error) {
      const code = codeOf(error)
      if (error instanceof FreeholdError || code === '') throw error
      throw new FreeholdError('substrate_unavailable', `the object store ${area.container} answered ${code}`)
    }
  }

  return {
    describeArea: (area) => guarded(area, readState),
    ensureArea: (area, claim, birth) => guarded(area, (place) => makeArea(place, claim, birth === 'closed')),
    freezeArea: (area, claim) => guarded(area, (place) => freeze(place, claim)),
    thawArea: (area, claim) => guarded(area, (place) => thaw(place, claim)),
    purgeArea: (area, claim) => guarded(area, (place) => destroyArea(place, claim)),
    listings: (area) => guarded(area, listObjects),
    read: (area, key) => guarded(area, (place) => getObject(place, key)),
    write: (area, claim, key, body) =>
      guarded(area, (place) => putObject(place, key, body, () => refuseAnothers(place, claim))),
    erase: (area, claim, key) =>
      guarded(area, async (place) => {
        await refuseAnothers(place, claim)
        await deleteObject(place, key)
      }),
    inventory: (area) =>
      guarded(area, async (place) => {
        const entries = []
        for (const listing of await listObjects(place)) {
          // In an area that is open, it may be deleted since it was listed.
          const sha256 = await unless(['ENOENT'], hashFile(join(place.folder, listing.key)), undefined)
          if (sha256 !== undefined) entries.push({ ...listing, sha256 })
        }
        return entries
      }),
    usage: (area) =>
      guarded(area, async (place) => {
        const listings = await listObjects(place)
        return { bytes: listings.reduce((sum, { size }) => sum + size, 0), objects: listings.length }
      }),
    scopedCredential: issueCredential,
    open: (area, access) => openArea(area, access, guarded),
  }
}

function openArea(
  area: Area,
  access: Parameters<ObjectStore['open']>[1],
  guarded: <T>(area: Area, work: (place: Place) => Promise<T>) => Promise<T>,
): ObjectAccess {
  const allowed = <T>(wanted: Permission, work: (place: Place) => Promise<T>): Promise<T> =>
    guarded(area, async (place) => {
      checkCredential(area, access, wanted)
      await refuseClosed(place)
      return work(place)
    })
  return {
    put: (key, body) => allowed('write', (place) => putObject(place, key, body, () => refuseClosed(place))),
    get: (key) => allowed('read', (place) => getObject(place, key)),
    list: (prefix) =>
      allowed('list', async (place) => (await listObjects(place)).filter(({ key }) => key.startsWith(prefix))),
    delete: (key) => allowed('delete', (place) => deleteObject(place, key)),
  }
}

async function freeze(place: Place, claim: AreaClaim): Promise<void> {
  if ((await readState(place)) === undefined) await makeArea(place, claim, true)
  await mark(place, claim, true)
}

async function thaw(place: Place, claim: AreaClaim): Promise<void> {
  if ((await readState(place)) === undefined)
    throw new FreeholdError('not_found', `the object area ${place.folder} does not exist, so it cannot be opened`)
  await mark(place, claim, false)
}

async function mark(place: Place, claim: AreaClaim, frozen: boolean): Promise<void> {
  const state = await readState(place)
  refuseOthers(place, state, claim)
  if (state !== undefined && state.epoch > claim.epoch)
    throw new FreeholdError(
      'operation_superseded',
      `the object area ${place.folder} was changed by epoch ${state.epoch}, which is later than this epoch ${claim.epoch}; nothing was done`,
    )
  await writeTag(place, claim, frozen)
}

async function refuseAnothers(place: Place, claim: AreaClaim): Promise<void> {
  const state = await readState(place)
  if (state === undefined) throw new FreeholdError('not_found', `the object area ${place.folder} does not exist`)
  refuseOthers(place, state, claim)
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

async function putObject(
  place: Place,
  key: string,
  body: Uint8Array | AsyncIterable<Uint8Array>,
  check: () => Promise<void>,
): Promise<void> {
  const file = await fileOf(place, key)
  const beforeRename = async () => {
    // When it is complete, because a large body takes its time.
    await check()
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  }
  await refuseLinks(scratchOf(place))
  await writeDurably(file, scratchOf(place), body, beforeRename).catch((error: unknown) => {
    if (!['EEXIST', 'ENOTDIR', 'EISDIR', 'ENOTEMPTY'].includes(codeOf(error))) throw error
    throw new FreeholdError('invalid_request', `${key} is or lies below another object, and a folder cannot be both`)
  })
}

async function getObject(place: Place, key: string) {
  const file = await fileOf(place, key)
  const handle = await openFile(file, ['ENOTDIR', 'ELOOP'])
  if (handle !== undefined) return handle.createReadStream()
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
