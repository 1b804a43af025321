import { lstat, mkdir, readFile, realpath, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { FreeholdError } from '../../../domain/errors.ts'
import { exists, pruneEmpty, refuseLinks, syncDirectory, unless, writeDurably } from '../files.ts'
import { keySegments, reservedName } from './keys.ts'
import type { Area, AreaClaim, AreaState } from './port.ts'

/** The tag of an area; those of earlier releases have neither a placement nor a fence. */
const tagSchema = z.object({
  freehold: z.string(),
  placement: z.int().optional(),
  epoch: z.number(),
  fence: z.number().default(0),
  frozen: z.boolean(),
})
const attempts = 3

/** Where an area is on the disk: its folder, and the operator's root above it, links resolved. */
export type Place = { readonly root: string; readonly folder: string }

/** Folder of the store's own files in an area. */
export const scratchOf = (place: Place) => join(place.folder, reservedName)
const tagFile = (place: Place) => join(scratchOf(place), 'area.json')

/**
 * Finds the folder of an area below the operator's root, which need not exist. Throws `substrate_unavailable` when the root is not there: an unmounted
 * volume must not be taken for an empty one.
 */
export async function placeOf(operatorsRoot: string, area: Area): Promise<Place> {
  const root = await unless(['ENOENT'], realpath(operatorsRoot), undefined)
  if (root === undefined)
    throw new FreeholdError(
      'substrate_unavailable',
      `the object store's root ${operatorsRoot} does not exist; make or mount it`,
    )
  const prefix = area.prefix.replace(/\/$/, '')
  const folder = join(root, ...keySegments(area.container), ...keySegments(prefix))
  await refuseLinks(folder)
  return { root, folder }
}

/** What the area's tag says; undefined when there is no such folder. */
export async function readState(place: Place): Promise<AreaState | undefined> {
  if (!(await exists(place.folder))) return undefined
  const unknown = { owner: undefined, frozen: false, epoch: 0, fence: 0 }
  if (!(await lstat(place.folder)).isDirectory()) return unknown
  const text = await unless(['ENOENT', 'ENOTDIR'], readFile(tagFile(place), 'utf8'), undefined)
  // Another try of the same step may have removed it at this moment, and left nobody else's.
  if (text === undefined && !(await exists(place.folder))) return undefined
  const tag = tagSchema.safeParse(text === undefined ? undefined : parse(text)).data
  if (tag === undefined) return unknown
  const { freehold: owner, ...rest } = tag
  return { owner, ...rest }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * Throws `resource_not_owned` for a folder that is there and not this owner's, and `operation_superseded` for one that a
 * later claim has worked on.
 */
export function refuseOthers(place: Place, state: AreaState | undefined, claim: AreaClaim): void {
  if (state === undefined) return
  const isOther = state.placement !== undefined && state.placement !== claim.placement
  if (state.owner !== claim.owner || isOther)
    throw new FreeholdError(
      'resource_not_owned',
      `the folder ${place.folder} exists and is not marked as this tenant's; it was left as it is. Remove or rename it, then retry`,
    )
  if (state.fence > claim.fence)
    throw new FreeholdError(
      'operation_superseded',
      `the object area ${place.folder} was changed under claim ${state.fence}, which is later than this claim ${claim.fence}; nothing was done`,
    )
}

/**
 * Makes the folder with its tag in it in one rename, so that it is never seen without; one that is there keeps its state.
 * Neighbours may be removed at the same time and take the empty folder above along: then it is tried again.
 */
export async function makeArea(place: Place, claim: AreaClaim, frozen: boolean): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const state = await readState(place)
    refuseOthers(place, state, claim)
    if (state !== undefined) return writeTag(place, claim, state.frozen, Math.max(state.epoch, claim.epoch))
    const made = await unless(
      ['ENOENT', 'ENOTEMPTY', 'EEXIST'],
      make(place, claim, frozen).then(() => true),
      false,
    )
    if (made) return
    if (attempt === attempts)
      throw new FreeholdError('substrate_unavailable', `the folder ${place.folder} is being changed by someone else`)
  }
}

async function make(place: Place, claim: AreaClaim, frozen: boolean): Promise<void> {
  const draft = { root: place.root, folder: neighbour(place, 'new') }
  await mkdir(scratchOf(draft), { recursive: true, mode: 0o700 })
  await writeTag(draft, claim, frozen)
  await rename(draft.folder, place.folder)
  await syncDirectory(dirname(place.folder))
}

/** Writes the tag anew. */
export async function writeTag(place: Place, claim: AreaClaim, frozen: boolean, epoch = claim.epoch): Promise<void> {
  const { owner: freehold, placement, fence } = claim
  const tag = JSON.stringify({ freehold, placement, epoch, fence, frozen })
  await writeDurably(tagFile(place), scratchOf(place), tag)
}

/** Removes the folder, under another name first so that a half-emptied area is never seen, and the empty ones above. */
export async function destroyArea(place: Place, claim: AreaClaim): Promise<'removed' | 'absent'> {
  const gone = neighbour(place, 'gone')
  const state = await readState(place)
  refuseOthers(place, state, claim)
  await rm(gone, { recursive: true, force: true })
  await rm(neighbour(place, 'new'), { recursive: true, force: true })
  const moved =
    state !== undefined &&
    (await unless(
      ['ENOENT'],
      rename(place.folder, gone).then(() => true),
      false,
    ))
  await rm(gone, { recursive: true, force: true })
  await pruneEmpty(dirname(place.folder), place.root)
  return moved ? 'removed' : 'absent'
}

function neighbour(place: Place, purpose: 'new' | 'gone'): string {
  return join(dirname(place.folder), `${reservedName}-${purpose}-${basename(place.folder)}`)
}
