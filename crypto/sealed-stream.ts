import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { FreeholdError } from '../domain/errors.ts'
import { derive } from './envelope.ts'

/** What a sealed stream begins with; another number is another format. */
const magic = Buffer.from('FHS1')
const saltBytes = 32
const headBytes = magic.length + saltBytes
const tagBytes = 16
/** Bytes of the plain stream in a chunk; the last one may be shorter, or empty. */
const plainBytes = 256 * 1024

type Bytes = AsyncIterable<Uint8Array>

/**
 * Seals a stream of any length with AES-256-GCM, chunk by chunk, so that memory stays flat. Each stream has a key of its own,
 * derived from the tenant's key for archives, a random salt and the context; the nonce of a chunk is its number and whether
 * it is the last. So a stream that was cut, extended, reordered or put in another's place does not open. The format: `FHS1`,
 * 32 bytes of salt, then chunks of 256 KiB, each with its tag of 16 bytes behind it.
 * @param context says what the stream is, as that of `seal`
 */
export async function* sealStream(tenantKey: Buffer, context: string, plain: Bytes): AsyncGenerator<Buffer> {
  const salt = randomBytes(saltBytes)
  const key = streamKey(tenantKey, salt, context)
  yield Buffer.concat([magic, salt])
  for await (const { chunk, number, isLast } of inChunks(plain, plainBytes)) {
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(number, isLast))
    yield Buffer.concat([cipher.update(chunk), cipher.final(), cipher.getAuthTag()])
  }
}

/**
 * Opens what `sealStream` made. What it has given by the time it throws is sound, but not all there is. Throws
 * `archive_damaged`, naming the context, for another key or context and for a stream that was changed or cut short.
 */
export async function* openStream(tenantKey: Buffer, context: string, sealed: Bytes): AsyncGenerator<Buffer> {
  const source = sealed[Symbol.asyncIterator]()
  try {
    const { head, rest } = await takeHead(source)
    if (head.length < headBytes || !head.subarray(0, magic.length).equals(magic)) throw damaged(context)
    const key = streamKey(tenantKey, head.subarray(magic.length), context)
    for await (const { chunk, number, isLast } of inChunks(followedBy(rest, source), plainBytes + tagBytes)) {
      if (chunk.length < tagBytes) throw damaged(context)
      const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(number, isLast), { authTagLength: tagBytes })
      decipher.setAuthTag(chunk.subarray(chunk.length - tagBytes))
      yield opened(() => Buffer.concat([decipher.update(chunk.subarray(0, -tagBytes)), decipher.final()]), context)
    }
  } finally {
    // Who has read enough, or finds it damaged, leaves no file open.
    await source.return?.()
  }
}

function opened(open: () => Buffer, context: string): Buffer {
  try {
    return open()
  } catch {
    throw damaged(context)
  }
}

function damaged(context: string): FreeholdError {
  return new FreeholdError(
    'archive_damaged',
    `${context} cannot be opened: it was changed or cut short, or is not of this tenant; nothing was done with it`,
  )
}

function streamKey(tenantKey: Buffer, salt: Buffer, context: string): Buffer {
  return Buffer.from(hkdfSync('sha256', derive(tenantKey, 'archive'), salt, `freehold/stream/${context}`, 32))
}

function nonceOf(number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUIntBE(number, 5, 6)
  nonce[11] = isLast ? 1 : 0
  return nonce
}

type Chunk = { readonly chunk: Buffer; readonly number: number; readonly isLast: boolean }

/** The stream in pieces of one size; the last is what is left, be it nothing. */
async function* inChunks(source: Bytes, size: number): AsyncGenerator<Chunk> {
  let held: Uint8Array[] = []
  let length = 0
  let number = 0
  for await (const piece of source) {
    held.push(piece)
    length += piece.length
    if (length <= size) continue
    const all = Buffer.concat(held, length)
    let from = 0
    // One that fills a chunk exactly waits: it may be the last.
    for (; length - from > size; from += size)
      yield { chunk: all.subarray(from, from + size), number: number++, isLast: false }
    held = [all.subarray(from)]
    length -= from
  }
  yield { chunk: Buffer.concat(held, length), number, isLast: true }
}

async function takeHead(source: AsyncIterator<Uint8Array>): Promise<{ head: Buffer; rest: Buffer }> {
  let all = Buffer.alloc(0)
  while (all.length < headBytes) {
    const { value, done } = await source.next()
    if (done === true) break
    all = Buffer.concat([all, value])
  }
  return { head: all.subarray(0, headBytes), rest: all.subarray(headBytes) }
}

async function* followedBy(first: Buffer, source: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (first.length > 0) yield first
  for (let next = await source.next(); next.done !== true; next = await source.next()) yield next.value
}
