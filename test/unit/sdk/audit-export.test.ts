import { hash, randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { readRecords, verifyAudit, type AuditRecord } from '../../../packages/sdk/index.ts'

const about = {
  kind: 'export' as const,
  version: 1 as const,
  at: '2026-01-01T00:00:00.000Z',
  tenant: null,
} satisfies AuditRecord
const zero = '0'.repeat(64)

/** The stream of a trail with that many events, as the registry would give it. */
function eventsOf(stream: string, many: number): Extract<AuditRecord, { kind: 'event' }>[] {
  let previousHash = zero
  return Array.from({ length: many }, (_, at) => {
    const [seq, id, type, time] = [at + 1, randomUUID(), 'TENANCY_TEST', about.at]
    const body = JSON.stringify({ id, stream, seq, type, time })
    const previous = previousHash
    previousHash = hash('sha256', `${previous}\n${body}`)
    return {
      kind: 'event',
      stream,
      seq,
      id,
      type,
      time,
      operation: null,
      body,
      previousHash: previous,
      hash: previousHash,
    }
  })
}

async function* bytesOf(...pieces: string[]) {
  for (const piece of pieces) yield new TextEncoder().encode(piece)
}
async function readAll(...pieces: string[]) {
  const all: AuditRecord[] = []
  for await (const some of readRecords(bytesOf(...pieces))) all.push(...some)
  return all
}

describe('reading an export', () => {
  it('gives its records, wherever its bytes are cut', async () => {
    const records = [about, ...eventsOf('a', 3)]
    const text = records.map((record) => `${JSON.stringify(record)}\n`).join('')
    for (const cut of [1, 7, 100, text.length])
      expect(await readAll(...(text.match(new RegExp(`[^]{1,${cut}}`, 'g')) ?? []))).toEqual(records)
  })

  it.each([
    ['{"kind":"export"', 'it is not JSON'],
    ['null', 'its `kind` is none of an export'],
    ['{"kind":"toString"}', 'its `kind` is none of an export'],
    ['{"kind":"note","text":"all is well"}', 'its `kind` is none of an export'],
    [JSON.stringify({ ...about, version: 2 }), '`version` of its export'],
    ['{"kind":"key","key":null}', '`key` of its key'],
    [
      '{"kind":"checkpoint","number":1,"document":{},"hash":"","keyId":"","signature":""}',
      '`document` of its checkpoint',
    ],
    ['{"kind":"stream","stream":"a","seq":1,"head":""}', '`deliveries` of its stream'],
    ['{"kind":"stream","stream":"a","seq":1,"head":"","deliveries":[null]}', '`deliveries` of its stream'],
    [JSON.stringify({ ...eventsOf('a', 1)[0], seq: '1' }), '`seq` of its event'],
    ['{"kind":"end","streams":1,"events":-1,"checkpoints":0}', '`events` of its end'],
  ])('names the line that is no record: %s', async (line, why) => {
    await expect(readAll(`${JSON.stringify(about)}\n${line}\n`)).rejects.toThrow(
      `line 2 is no record of an export of the audit trail: ${why}`,
    )
  })

  it('never quotes what it could not read', async () => {
    await expect(readAll('{"kind":"key","key":"s3cret"')).rejects.not.toThrow('s3cret')
  })
})

describe('verifying what somebody made up', () => {
  const verified = (...records: AuditRecord[]) =>
    verifyAudit(
      (async function* () {
        yield records
      })(),
    )
  const key = { kty: 'OKP', crv: 'Ed25519', x: 'no key', kid: 'made-up' } as const
  const checkpoint = {
    kind: 'checkpoint',
    number: 1,
    document: 'null',
    hash: hash('sha256', 'null'),
    keyId: 'made-up',
    signature: '',
  } as const

  it('finds a signature by what is no key, instead of breaking off', async () => {
    expect((await verified(about, { kind: 'key', key }, checkpoint)).findings).toContainEqual(
      expect.objectContaining({ kind: 'bad signature', stream: 'checkpoints', seq: 1 }),
    )
  })

  it('finds each event of a stream that is not in its order, however many ranges they leave', async () => {
    const events = eventsOf('a', 9)
    const order = [2, 4, 6, 8, 3, 7, 1, 5, 9].map((seq) => events[seq - 1]).filter((event) => event !== undefined)
    const stream = {
      kind: 'stream' as const,
      stream: 'a',
      seq: 9,
      head: events[8]?.hash ?? '',
      deliveries: [],
    } satisfies AuditRecord
    const { findings } = await verified(about, stream, ...order, { kind: 'end', streams: 1, events: 9, checkpoints: 0 })
    const late = findings.filter(({ kind }) => kind === 'reordered').map(({ seq }) => seq)
    expect(late).toEqual([3, 7, 1, 5])
    expect(findings.filter(({ kind }) => kind === 'removed')).toEqual([])
  })
})
