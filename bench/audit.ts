import { randomUUID } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { createClient, readRecords, verifyAudit } from '@freehold/sdk'
import { makeCheckpoints } from '../registry/checkpoints.ts'
import { eventsJson } from '../registry/events.ts'
import { sqlOf } from '../registry/pool.ts'
import { withStack, type Stack } from './stack.ts'

/** What it takes to verify the whole trail, as `freehold audit verify` does: read from the API, and from the bytes of an export. */
export type AuditFigures = {
  events: number
  streams: number
  /** From the registry, by the API, verified: the slowest of the runs. */
  verifiedMs: number
  verifiedPerSecond: number
  /** An export that is in memory already: what hashing and comparing alone take. */
  offlineMs: number
  /** The first checkpoint of every stream. */
  checkpointMs: number
  /** What this process, API and verifier in one, holds more than before at most. */
  memoryMiB: number
  findings: number
}

const runs = 3

/** Measures with `events` events in `streams` streams. */
export async function benchAudit({ events, streams }: { events: number; streams: number }): Promise<AuditFigures> {
  return withStack(async (stack) => {
    const { orm, signer } = stack.deps
    await seed(stack, events, streams)
    const begun = performance.now()
    await makeCheckpoints(orm.pool, signer, { intervalMs: 0 })
    const checkpointMs = performance.now() - begun
    const client = createClient({ url: stack.api.url, apiKey: stack.api.key, timeoutMs: 60_000 })
    const keys = await client.signingKeys()
    const verify = async (bytes: AsyncIterable<Uint8Array>) => {
      const started = performance.now()
      const result = await verifyAudit(readRecords(bytes), { keys })
      return { ms: performance.now() - started, ...result }
    }
    const before = process.memoryUsage().rss
    let most = before
    const watching = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 20)
    const results: Awaited<ReturnType<typeof verify>>[] = []
    for (let run = 0; run < runs; run += 1) results.push(await verify(await client.exportAudit()))
    clearInterval(watching)
    const pieces: Uint8Array[] = []
    for await (const piece of await client.exportAudit()) pieces.push(piece)
    const offline = await verify(ReadableStream.from(pieces) as ReadableStream<Uint8Array>)
    const [last = offline] = results.slice(-1)
    const verifiedMs = Math.max(...results.map(({ ms }) => ms))
    return {
      events: last.events,
      streams: last.streams,
      verifiedMs: Math.round(verifiedMs),
      verifiedPerSecond: Math.round((last.events / verifiedMs) * 1_000),
      offlineMs: Math.round(offline.ms),
      checkpointMs: Math.round(checkpointMs),
      memoryMiB: Math.round((most - before) / 2 ** 20),
      findings: last.findings.length + last.more,
    }
  })
}

/** Events as large as those of a resource that was made, by the function that makes all of them. */
async function seed({ deps: { orm } }: Stack, events: number, streams: number): Promise<void> {
  const data = { key: 'prod/1/database', name: 't_k7m2p9qd_prod', cell: 'eu-north-1', environment: 'prod' }
  const said = Array.from({ length: events / streams }, () => ({
    type: 'TENANCY_RESOURCE_CREATED' as const,
    actor: 'system:worker' as const,
    operationId: randomUUID(),
    correlationId: randomUUID(),
    data,
  }))
  const sql = sqlOf(orm.pool)
  for (let stream = 0; stream < streams; stream += 1)
    await sql({
      name: 'seed',
      text: 'select append_events($1, $2::jsonb)',
      values: [randomUUID(), eventsJson(said)],
    })
}
