import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { constants, createZstdCompress } from 'node:zlib'
import pg from 'pg'
import { to } from 'pg-copy-streams'
import type { Migration } from '../base/migration-source.ts'
import { newCode, newPassword } from '../crypto/tokens.ts'
import { databaseNames, databasePasswordSecret } from '../domain/names.ts'
import { createFolderStorage } from '../isolation/archives/folder-storage.ts'
import { archiveReader, archiveWriter } from '../isolation/archives/parts.ts'
import type { Target } from '../isolation/mapper.ts'
import { createDatabaseMapper } from '../isolation/mappers/database/mapper.ts'
import { newTenantKey } from '../registry/tenant-keys.ts'
import { startBenchServers, withClosing } from './stack.ts'

/** Of a tenant's database of one size: MB of rows a second, each the best of several rounds in turn. */
export type ArchiveRates = {
  rowsMB: number
  /** COPY to a file through zstd and nothing else, by the same client. */
  plainMBps: number
  /** The whole export: the schema tried out, COPY, hashes, zstd, sealed, in cold storage. */
  exportMBps: number
  ratio: number
  importMBps: number
  /** How much this process had grown at its largest while it exported and imported. */
  grownMB: number
}

const rounds = 3
const sql = `create table rows (id bigint generated always as identity primary key, name text, doc jsonb, raw bytea, at timestamptz)`
const migrations: readonly Migration[] = [
  { version: '1.0.0', file: '1.0.0/001.sql', sql, checksum: createHash('sha256').update(sql).digest('hex') },
]
const megabyte = 1_000_000

/** Exports and imports databases of these sizes, beside a plain pipe of the same rows in the same run. */
export async function benchArchive(sizesMB: readonly number[]): Promise<ArchiveRates[]> {
  return withClosing(async (closing) => {
    const { environment, stateDir } = await startBenchServers(closing)
    const provisionerUrl = environment['FREEHOLD_WAREHOUSE_URL'] ?? ''
    const mapper = createDatabaseMapper()
    closing.add('the mapper', () => mapper.close())
    const measured = []
    for (const size of sizesMB) measured.push(await measure(mapper, { provisionerUrl, folder: stateDir, size }))
    return measured
  })
}

async function measure(
  mapper: ReturnType<typeof createDatabaseMapper>,
  { provisionerUrl, folder, size }: { provisionerUrl: string; folder: string; size: number },
): Promise<ArchiveRates> {
  const [id, code] = [randomUUID(), newCode()]
  const target = targetIn(provisionerUrl, { id, code })
  await mapper.ensure(target())
  await mapper.migrate(target(), migrations)
  const client = new pg.Client({ connectionString: provisionerUrl })
  await client.connect()
  await client.query(`set role ${target().spec.properties.ownerRole}`)
  const table = `${target().spec.properties.schema}.rows`
  // 1,000 bytes of text a row, half of it as compressible as rows are.
  await client.query(
    `insert into ${table} (name, doc, raw, at) select 'name ' || n, jsonb_build_object('city', 'city ' || n % 500, 'street', repeat('street ' || n % 900, 20),
        'n', n), sha256(n::text::bytea) || sha256((n + 1)::text::bytea) || sha256((n + 2)::text::bytea) || sha256((n + 3)::text::bytea), now()
      from generate_series(1, $1::int) n`,
    [Math.round((size * megabyte) / 620)],
  )
  await client.query(`analyze ${table}`)
  await mapper.freeze(target())
  const { sealer } = newTenantKey(randomBytes(32), id, { isOwn: false })
  const access = {
    storage: createFolderStorage(folder),
    sealer,
    folder: `archives/${code}/`,
    signal: new AbortController().signal,
  }
  const plain = join(folder, 'plain.zst')
  let [bestPlain, bestExport, bytes] = [Infinity, Infinity, 0]
  let inventory
  // What the heap is like after one of each is what they start from.
  await copyPlain(client, table, plain)
  const growth = watchGrowth()
  for (let round = 0; round < rounds; round += 1) {
    bestPlain = Math.min(bestPlain, await timed(async () => void (bytes = await copyPlain(client, table, plain))))
    const writer = archiveWriter(access, String(round))
    bestExport = Math.min(
      bestExport,
      await timed(async () => void (inventory = await mapper.export?.(target(), writer, migrations))),
    )
  }
  if (inventory === undefined) throw new Error('nothing was exported')
  const listed = inventory
  const importing = await timed(() => mapper.import?.(target(), archiveReader(access), listed))
  const grownMB = growth()
  await mapper.compare?.(target(), listed)
  await client.end()
  await mapper.remove(target())
  const rate = (seconds: number) => Math.round(bytes / megabyte / seconds)
  return {
    rowsMB: Math.round(bytes / megabyte),
    plainMBps: rate(bestPlain),
    exportMBps: rate(bestExport),
    ratio: Math.round((bestPlain / bestExport) * 100) / 100,
    importMBps: rate(importing),
    grownMB,
  }
}

/** Rows as text through zstd of the same level into a file on the disk; gives the bytes of text. */
async function copyPlain(client: pg.Client, table: string, file: string): Promise<number> {
  let bytes = 0
  await pipeline(
    client.query(to(`copy ${table} (id, name, doc, raw, at) to stdout`, { highWaterMark: 256 * 1024 })),
    async function* (rows: AsyncIterable<Uint8Array>) {
      for await (const chunk of rows) {
        bytes += chunk.length
        yield chunk
      }
    },
    createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 1 } }),
    createWriteStream(file, { flush: true }),
  )
  return bytes
}

async function timed(work: () => Promise<unknown> | undefined): Promise<number> {
  const started = performance.now()
  await work()
  return (performance.now() - started) / 1000
}

/** Looks at the memory of this process often; gives how much it had grown at most. */
function watchGrowth(): () => number {
  const before = process.memoryUsage().rss
  let most = before
  const timer = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 20)
  return () => {
    clearInterval(timer)
    return Math.round((most - before) / megabyte)
  }
}

let fence = 0

function targetIn(provisionerUrl: string, { id, code }: { id: string; code: string }): () => Target<'database'> {
  const { hostname: host, port, pathname } = new URL(provisionerUrl)
  const name = pathname.slice(1)
  const names = databaseNames(code, 'prod', 1)
  const password = newPassword()
  const unused = () => Promise.reject(new Error('a bench has no secrets'))
  return () => ({
    spec: {
      key: 'prod/1/database',
      kind: 'database',
      environment: 'prod',
      placement: 1,
      cell: 'bench',
      name: `${name}.${names.schema}`,
      after: [],
      properties: {
        ...names,
        ownDatabase: null,
        serverSecret: null,
        passwordSecret: databasePasswordSecret(code, 'prod', 1),
        connectionLimit: 5,
      },
    },
    tenantId: id,
    epoch: 1,
    fence: (fence += 1),
    birth: 'active',
    signal: new AbortController().signal,
    timeoutMs: 600_000,
    cell: {
      name: 'bench',
      region: 'bench',
      database: { host, port: Number(port), name },
      objectStore: { kind: 'file-system', root: '', container: 'data-shared' },
      runtime: { namespace: 'workloads', taskQueue: 'work' },
      network: { policies: '' },
      provisionerUrl,
    },
    bus: undefined,
    secrets: {
      read: async () => password,
      readOrCreate: async () => password,
      replace: unused,
      list: unused,
      destroy: unused,
    },
  })
}
