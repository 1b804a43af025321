import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib'
import type { StoredPart } from '../../domain/archive.ts'
import { FreeholdError } from '../../domain/errors.ts'
import type { ColdStorage } from './cold-storage.ts'

type Bytes = AsyncIterable<Uint8Array>

/** Seals and opens streams of one tenant; `context` binds one to its place. */
export type StreamSealer = {
  sealStream(context: string, plain: Bytes): AsyncIterable<Uint8Array>
  openStream(context: string, sealed: Bytes): AsyncIterable<Uint8Array>
}

/** Takes the parts of an archive. */
export type ArchiveWriter = {
  /** Keeps a stream, compressed and sealed, whole or not at all; `name` is new in the folder of the export. */
  put(name: string, plain: Bytes): Promise<StoredPart>
}

/** Gives the parts of an archive. */
export type ArchiveReader = {
  /**
   * Gives the plain stream of a part to `use`, and what that gives, once all of it was read and found to be what was written.
   * Throws `archive_damaged`, naming the part, for one that is missing, was changed or cut short.
   */
  read<T>(part: StoredPart, use: (plain: Bytes) => Promise<T>): Promise<T>
}

/** What an archive is read and written with: where it rests, the tenant's key, and when to stop. */
export type ArchiveAccess = {
  readonly storage: ColdStorage
  readonly sealer: StreamSealer
  /** Folder of the archive, with the slash. */
  readonly folder: string
  readonly signal: AbortSignal
}

/** Fast, and most of what a higher level gains. */
const compression = { params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 0 } }

/** @param folder of this export inside the archive: what a late one writes is in another, and never in the way */
export function archiveWriter(
  { storage, sealer, folder: archive, signal }: ArchiveAccess,
  folder: string,
): ArchiveWriter {
  return {
    async put(name, plain) {
      const path = `${folder}/${name}`
      const [inside, outside] = [counted(), counted()]
      await pipeline(
        plain,
        inside.pass,
        createZstdCompress(compression),
        (compressed: Bytes) => sealer.sealStream(contextOf(archive, path), compressed),
        outside.pass,
        (sealed: Bytes) => storage.put(`${archive}${path}`, sealed),
        { signal },
      )
      const [{ bytes, sha256 }, { bytes: sealedBytes, sha256: sealedSha256 }] = [inside.total(), outside.total()]
      return { path, bytes, sha256, sealedBytes, sealedSha256 }
    },
  }
}

export function archiveReader({ storage, sealer, folder, signal }: ArchiveAccess): ArchiveReader {
  return {
    async read(part, use) {
      const damaged = (what: string) =>
        new FreeholdError('archive_damaged', `part ${part.path} of archive ${folder} ${what}; nothing was done with it`)
      const [inside, outside] = [counted(), counted()]
      const sealed = await storage.open(`${folder}${part.path}`).catch((error: unknown) => {
        throw error instanceof FreeholdError && error.code === 'not_found' ? damaged('is missing') : error
      })
      const given = Promise.withResolvers<Awaited<ReturnType<typeof use>>>()
      await pipeline(
        sealed,
        outside.pass,
        (bytes: Bytes) => sealer.openStream(contextOf(folder, part.path), bytes),
        createZstdDecompress(),
        inside.pass,
        async (plain: Bytes) => given.resolve(await use(plain)),
        { signal },
      ).catch((error: unknown) => {
        signal.throwIfAborted()
        throw isOfZstd(error) ? damaged('cannot be decompressed') : error
      })
      if (outside.total().sha256 !== part.sealedSha256) throw damaged('is not what was written')
      if (inside.total().sha256 !== part.sha256) throw damaged('does not hold what was written')
      return given.promise
    },
  }
}

const contextOf = (archive: string, path: string) => `archives/${archive}${path}`

function isOfZstd(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ZSTD_')
}

/** Counts and hashes what passes. */
function counted() {
  const hash = createHash('sha256')
  let bytes = 0
  async function* pass(source: Bytes): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      hash.update(chunk)
      bytes += chunk.length
      yield chunk
    }
  }
  return { pass, total: () => ({ bytes, sha256: hash.copy().digest('hex') }) }
}
