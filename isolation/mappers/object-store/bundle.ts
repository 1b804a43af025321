import { FreeholdError } from '../../../domain/errors.ts'
import type { ObjectListing } from './port.ts'

type Bytes = AsyncIterable<Uint8Array>
/** A line that is longer is none of ours. */
const longestLine = 16 * 1024

/** What to do with an object: it takes the bytes, all of them. */
export type Take = (listing: ObjectListing, body: Bytes) => Promise<void>

/**
 * Objects one after the other in one stream: a line of JSON (key, size), then the bytes. Throws `substrate_unavailable` for an
 * object whose size has changed.
 */
export async function* bundled(
  listings: readonly ObjectListing[],
  open: (key: string) => Promise<Bytes>,
): AsyncGenerator<Uint8Array> {
  for (const { key, size } of listings) {
    yield Buffer.from(`${JSON.stringify({ key, size })}\n`)
    let seen = 0
    for await (const chunk of await open(key)) {
      seen += chunk.length
      yield chunk
    }
    if (seen !== size)
      throw new FreeholdError('substrate_unavailable', `object ${key} has changed while it was read; it is tried again`)
  }
}

/** Gives each object of such a stream to `take`, in order. Throws `archive_damaged` for a stream that is none. */
export async function unbundle(stream: Bytes, take: Take): Promise<void> {
  const source = cursor(stream)
  for (let line = await source.line(); line !== undefined; line = await source.line()) {
    const listing = readListing(line)
    const body = source.take(listing.size)
    await take(listing, body)
    // What was not taken is passed over.
    for await (const _ of body) continue
  }
}

function readListing(line: string): ObjectListing {
  try {
    const { key, size } = JSON.parse(line) as Partial<ObjectListing>
    if (typeof key === 'string' && Number.isSafeInteger(size)) return { key, size: Number(size) }
  } catch {
    // As any other line that does not name an object.
  }
  throw new FreeholdError('archive_damaged', 'the objects of the archive are not what was written')
}

function cursor(stream: Bytes) {
  const source = stream[Symbol.asyncIterator]()
  let held = Buffer.alloc(0)

  async function more(): Promise<boolean> {
    const { value, done } = await source.next()
    if (done === true) return false
    held = held.length === 0 ? Buffer.from(value) : Buffer.concat([held, value])
    return true
  }

  return {
    /** The next line without its end; undefined at the end of the stream. */
    async line(): Promise<string | undefined> {
      let end = held.indexOf(0x0a)
      while (end < 0) {
        if (held.length > longestLine || !(await more())) break
        end = held.indexOf(0x0a)
      }
      if (end < 0 && held.length === 0) return undefined
      if (end < 0) return held.toString()
      const line = held.subarray(0, end).toString()
      held = held.subarray(end + 1)
      return line
    },
    async *take(size: number): AsyncGenerator<Uint8Array> {
      for (let left = size; left > 0;) {
        if (held.length === 0 && !(await more()))
          throw new FreeholdError('archive_damaged', 'the objects of the archive end in the middle of one')
        const piece = held.subarray(0, left)
        held = held.subarray(piece.length)
        left -= piece.length
        yield piece
      }
    },
  }
}
