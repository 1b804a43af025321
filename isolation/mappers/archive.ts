import { z } from 'zod'
import { FreeholdError } from '../../domain/errors.ts'
import type { JsonObject } from '../../domain/json.ts'
import { readOwnerTag } from '../../domain/owner-tag.ts'
import { bounded } from '../abort.ts'
import { once, type ColdStorage } from '../archives/cold-storage.ts'
import type { Mapper, Observation, Removal, Target } from '../mapper.ts'
import { refuseLate } from '../mark.ts'

type ArchiveTarget = Target<'archive'>

const longestTag = 4_096
const fenceSchema = z.object({ fence: z.number() })
const tagOf = ({ spec }: ArchiveTarget) => `${spec.properties.folder}owner.json`

/**
 * Mapper of kind `archive`: the folder of one archive in cold storage, with its owner tag. What is in it is written by the
 * export of other resources. It has no door: no tenant reaches cold storage.
 */
export function createArchiveMapper(storage: ColdStorage): Mapper<'archive'> {
  /** The text of the tag; undefined when there is none, and for one that is longer than any of ours. */
  async function readTag(target: ArchiveTarget): Promise<string | undefined> {
    const pieces: Uint8Array[] = []
    let length = 0
    try {
      for await (const piece of await storage.open(tagOf(target))) {
        length += piece.length
        if (length > longestTag) return undefined
        pieces.push(piece)
      }
      return Buffer.concat(pieces).toString()
    } catch (error) {
      if (error instanceof FreeholdError && error.code === 'not_found') return undefined
      throw error
    }
  }

  /**
   * What is in the folder, and whose it is; refuses who is late. Looks for the tag behind the files, and once more where it is
   * missing: another try of the same step may write or remove both at this moment, and is no stranger.
   */
  async function look(target: ArchiveTarget) {
    const lookOnce = async () => {
      const files = await storage.list(target.spec.properties.folder)
      return { files, tag: await readTag(target) }
    }
    const first = await lookOnce()
    const { files, tag } = first.files.length > 0 && first.tag === undefined ? await lookOnce() : first
    return { tag, files, owner: readOwnerTag(tag, target.spec.placement) }
  }

  async function observe(target: ArchiveTarget): Promise<Observation> {
    const { files, owner } = await look(target)
    if (files.length === 0) return { exists: false }
    const bytes = files.reduce((sum, { size }) => sum + size, 0)
    return { exists: true, owner, frozen: false, facts: { files: files.length, bytes } }
  }

  async function ensure(target: ArchiveTarget): Promise<JsonObject> {
    const { tenantId: freehold, spec, fence } = target
    const { tag, files, owner } = await look(target)
    if (files.length > 0 && owner !== freehold) throw new FreeholdError('resource_not_owned', foreign(target))
    refuseLate(target, { fence: fenceIn(tag), epoch: 0 })
    const body = Buffer.from(JSON.stringify({ freehold, placement: spec.placement, fence }))
    await storage.put(tagOf(target), once(body))
    return { folder: spec.properties.folder }
  }

  async function remove(target: ArchiveTarget): Promise<Removal> {
    const { tag, files, owner } = await look(target)
    if (files.length > 0 && owner !== target.tenantId) return { outcome: 'not-owned', what: foreign(target) }
    refuseLate(target, { fence: fenceIn(tag), epoch: 0 })
    // The tag goes last: who is killed in the middle must not leave what the next one takes for a stranger's.
    for (const { path } of files) {
      target.signal.throwIfAborted()
      if (path !== tagOf(target)) await storage.delete(path)
    }
    await storage.deleteFolder(target.spec.properties.folder)
    return { outcome: files.length > 0 ? 'removed' : 'absent' }
  }

  return {
    kind: 'archive',
    observe: (target) => bounded(target, observe),
    ensure: (target) => bounded(target, ensure),
    async freeze() {},
    async thaw() {},
    remove: (target) => bounded(target, remove),
    async close() {},
  }
}

function foreign({ spec }: ArchiveTarget): string {
  return `the folder ${spec.properties.folder} of the archives exists and is not marked as this tenant's; it was left as it is. Move it away, then retry`
}

function fenceIn(tag: string | undefined): number {
  try {
    return fenceSchema.parse(JSON.parse(tag ?? '')).fence
  } catch {
    return 0
  }
}
