import { FreeholdError } from '../../../domain/errors.ts'
import type { Target } from '../../mapper.ts'
import { locate } from './mapper.ts'
import type { ObjectEntry } from './port.ts'

type ObjectTarget = Target<'object-store'>

/** How many objects there are in an area, and their bytes. */
export type Mirrored = { readonly count: number; readonly bytes: number }

/**
 * Makes one area hold what another holds: what is missing or another is written, what is too much goes. Run again it does what is left.
 * Objects that are written meanwhile may be missed, unless the area they are in is closed.
 */
export async function mirrorObjects(from: ObjectTarget, to: ObjectTarget): Promise<Mirrored> {
  const [source, sourceArea] = locate(from)
  const [store, area, claim] = locate(to)
  const wanted = await source.inventory(sourceArea)
  const found = new Map((await store.inventory(area)).map((entry) => [entry.key, entry]))
  const known = new Set(wanted.map(({ key }) => key))
  // First, because what is in the way may be a folder of the name of an object.
  for (const key of found.keys()) if (!known.has(key)) await store.erase(area, claim, key)
  for (const { key, sha256 } of wanted) {
    to.signal.throwIfAborted()
    if (found.get(key)?.sha256 === sha256) continue
    await source.read(sourceArea, key).then(
      (body) => store.write(area, claim, key, body),
      (error: unknown) => {
        // It was deleted since it was listed.
        if (!(error instanceof FreeholdError && error.code === 'not_found')) throw error
      },
    )
  }
  return { count: wanted.length, bytes: wanted.reduce((sum, { size }) => sum + size, 0) }
}

/** Closes the one area, brings what came late to the other, and sees that both hold the same. Throws `move_differs`. */
export async function handOverObjects(from: ObjectTarget, to: ObjectTarget): Promise<Mirrored> {
  const [source, sourceArea, claim] = locate(from)
  await source.freezeArea(sourceArea, claim)
  const moved = await mirrorObjects(from, to)
  const [store, area] = locate(to)
  const [left, right] = [await source.inventory(sourceArea), await store.inventory(area)]
  if (textOf(left) !== textOf(right))
    throw new FreeholdError('move_differs', `the objects in ${to.spec.name} are not those of ${from.spec.name}`)
  return moved
}

const textOf = (entries: readonly ObjectEntry[]) => entries.map(({ key, sha256 }) => `${key} ${sha256}`).join('\n')
