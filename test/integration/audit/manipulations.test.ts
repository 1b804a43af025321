import { randomBytes, randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkpointDocument } from '../../../crypto/checkpoint.ts'
import { chainHash } from '../../../crypto/hash-chain.ts'
import { createSigner } from '../../../crypto/signing.ts'
import { sha256 } from '../../../crypto/tokens.ts'
import { verifyAudit, type AuditFinding, type AuditRecord } from '../../../packages/sdk/index.ts'
import { exportAudit } from '../../../registry/audit-export.ts'
import { transaction } from '../../../registry/pool.ts'
import { keepSigningKey } from '../../../registry/signing-keys.ts'
import { openTrail, type Trail } from '../../support/trail.ts'

/** What a superuser does to the trail in the registry is found, and named. */
let trail: Trail
let a: string
let b: string
beforeEach(async () => {
  trail = await openTrail()
  ;[a = '', b = ''] = [randomUUID(), randomUUID()].toSorted()
  await trail.append(a, 6)
  await trail.append(b, 3)
  await trail.checkpoint()
  await trail.append(a, 2)
})
afterEach(() => trail.close())

type Stored = { seq: number; body: string; previousHash: string; hash: string }
const eventsOf = (stream: string) =>
  trail.sql<Stored>({
    text: `select seq::int as seq, body, previous_hash as "previousHash", hash from events where stream = $1 order by seq`,
    values: [stream],
  })
const verified = (by = trail.signer, tenant: string | null = null) =>
  verifyAudit(exportAudit(trail.sql, by, tenant) as AsyncIterable<unknown> as AsyncIterable<AuditRecord[]>, {
    keys: [by.publicKey, trail.signer.publicKey],
  })
const found = async (tenant: string | null = null) =>
  (await verified(trail.signer, tenant)).findings.map(({ kind, stream, seq }) => [kind, stream, seq])

/** Writes the chain of a stream anew from an event on, each with a hash that fits, and the head of the stream: as good as it gets. */
async function forge(stream: string, bodies: readonly string[]): Promise<void> {
  await trail.tamper('delete from events where stream = $1', [stream])
  let previous = '0'.repeat(64)
  for (const [at, text] of bodies.entries()) {
    const body = JSON.parse(text) as { id: string; type: string; time: string }
    const fitting = JSON.stringify({ ...body, seq: at + 1 })
    const hash = chainHash(previous, fitting)
    await trail.tamper(
      `insert into events (stream, seq, id, type, time, body, previous_hash, hash) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [stream, at + 1, body.id, body.type, body.time, fitting, previous, hash],
    )
    previous = hash
  }
  const counted = [stream, bodies.length, previous]
  await trail.tamper('update event_streams set seq = $2, head = $3 where id = $1', counted)
  await trail.tamper(
    'update deliveries set head = $2, cursor = least(cursor, $2) where stream = $1',
    counted.slice(0, 2),
  )
}

it('a trail that nobody touched verifies, whole and one tenant alone', async () => {
  expect(await verified()).toEqual({
    streams: 3,
    events: 13,
    checkpoints: 1,
    // Two of a, and that the checkpoint was made.
    unsigned: 3,
    findings: [],
    more: 0,
  })
  expect(await verified(trail.signer, a)).toMatchObject({ streams: 1, events: 8, checkpoints: 1, findings: [] })
})

describe('an event', () => {
  it('that was changed', async () => {
    await trail.tamper(`update events set body = replace(body, 'admin', 'nobody') where stream = $1 and seq = 3`, [a])
    expect(await found()).toEqual([['changed', a, 3]])
    expect(await found(a)).toEqual([['changed', a, 3]])
    expect(await found(b)).toEqual([])
  })

  it('that was changed, with a hash that fits', async () => {
    const [, , third] = await eventsOf(a)
    const body = third?.body.replace('admin', 'nobody') ?? ''
    const forged = [a, body, chainHash(third?.previousHash ?? '', body)]
    await trail.tamper('update events set body = $2, hash = $3 where stream = $1 and seq = 3', forged)
    expect(await found()).toEqual([['changed', a, 3]])
  })

  it('that was changed, with every hash after it and the head of the stream', async () => {
    const bodies = (await eventsOf(a)).map(({ body, seq }) => (seq === 3 ? body.replace('admin', 'nobody') : body))
    await forge(a, bodies)
    expect(await found()).toEqual([['changed', a, 6]])
    expect((await verified()).findings[0]?.expected).toContain('signed by checkpoint 1')
  })

  it('whose column says otherwise than its text', async () => {
    await trail.tamper(
      `update events set type = 'TENANCY_DENIED', time = time + interval '1 second' where stream = $1 and seq = 8`,
      [a],
    )
    expect(await found()).toEqual([
      ['changed', a, 8],
      ['changed', a, 8],
    ])
  })

  it('that was removed', async () => {
    await trail.tamper('delete from events where stream = $1 and seq in (3, 4)', [a])
    expect(await found()).toEqual([['removed', a, 3]])
    expect((await verified()).findings[0]?.expected).toBe('events 3 to 4')
  })

  it('that was removed, and the others moved up', async () => {
    await trail.tamper('delete from events where stream = $1 and seq = 3', [a])
    for (const seq of [4, 5, 6, 7, 8])
      await trail.tamper('update events set seq = seq - 1 where stream = $1 and seq = $2', [a, seq])
    expect(await found()).toContainEqual(['removed', a, 3])
  })

  it('that was removed at the first place', async () => {
    await trail.tamper('delete from events where stream = $1 and seq = 1', [a])
    expect(await found()).toEqual([['removed', a, 1]])
  })

  it('that was inserted in between', async () => {
    for (const seq of [8, 7, 6, 5, 4])
      await trail.tamper('update events set seq = seq + 1 where stream = $1 and seq = $2', [a, seq])
    const [, , third] = await eventsOf(a)
    const body = JSON.stringify({ ...JSON.parse(third?.body ?? '{}'), seq: 4, data: { forged: true } })
    await trail.tamper(
      `insert into events (stream, seq, id, type, body, previous_hash, hash, time)
        select stream, 4, gen_random_uuid(), type, $2, $3, $4, time from events where stream = $1 and seq = 3`,
      [a, body, third?.hash, chainHash(third?.hash ?? '', body)],
    )
    expect(await found()).toContainEqual(['inserted', a, 4])
  })

  it('that was inserted behind the last one', async () => {
    const last = (await eventsOf(a)).at(-1)
    const body = JSON.stringify({ ...JSON.parse(last?.body ?? '{}'), seq: 9 })
    await trail.tamper(
      `insert into events (stream, seq, id, type, body, previous_hash, hash, time)
        select stream, 9, gen_random_uuid(), type, $2, $3, $4, time from events where stream = $1 and seq = 8`,
      [a, body, last?.hash, chainHash(last?.hash ?? '', body)],
    )
    expect(await found()).toContainEqual(['inserted', a, 9])
  })

  it('that was moved here from another tenant', async () => {
    const [first] = await eventsOf(b)
    await trail.tamper(
      `insert into events (stream, seq, id, type, body, previous_hash, hash, time)
        select $1, 9, gen_random_uuid(), type, body, previous_hash, hash, time from events where stream = $2 and seq = $3`,
      [a, b, first?.seq],
    )
    expect(await found()).toContainEqual(['inserted', a, 9])
  })

  it('that changed places with another', async () => {
    for (const [from, to] of [
      [4, 100],
      [5, 4],
      [100, 5],
    ])
      await trail.tamper('update events set seq = $3 where stream = $1 and seq = $2', [a, from, to])
    expect(await found()).toEqual([['reordered', a, 4]])
  })
})

describe('a tail', () => {
  const cut = (seq: number) => trail.tamper('delete from events where stream = $1 and seq > $2', [a, seq])
  const countBack = (seq: number) =>
    trail.tamper(
      `update event_streams set seq = $2, head = (select hash from events where stream = $1 and seq = $2) where id = $1`,
      [a, seq],
    )

  it('that was cut', async () => {
    await cut(7)
    expect(await found()).toEqual([['cut tail', a, 8]])
  })

  it('that was cut, and the count with it: the deliveries and the checkpoint know', async () => {
    await cut(4)
    await countBack(4)
    expect(await found()).toEqual([['cut tail', a, 5]])
    expect(await found(a)).toEqual([['cut tail', a, 5]])
    await trail.tamper('update deliveries set head = 4 where stream = $1', [a])
    const { findings } = await verified()
    expect(findings).toMatchObject([{ kind: 'cut tail', expected: 'checkpoint 1 has signed event 6' }])
  })

  it('that was cut back to nothing, with everything that was known of the stream', async () => {
    for (const table of ['events', 'deliveries', 'checkpoint_heads'])
      await trail.tamper(`delete from ${table} where stream = $1`, [a])
    await trail.tamper('delete from event_streams where id = $1', [a])
    expect(await found()).toEqual([['removed', a, 1]])
  })

  it('whose destination has more than there is', async () => {
    await trail.tamper('update deliveries set cursor = 9 where stream = $1', [a])
    expect(await found()).toEqual([['cursor beyond head', a, 9]])
  })
})

describe('a checkpoint', () => {
  const second = async () => {
    await trail.append(b, 1)
    await trail.checkpoint()
    await trail.append(b, 1)
    await trail.checkpoint()
  }

  it('that was forged to fit a forged trail, by a key that was planted with it', async () => {
    const forger = createSigner(randomBytes(32))
    await forge(
      a,
      (await eventsOf(a)).map(({ body }) => body.replace('admin', 'nobody')),
    )
    const head = (await eventsOf(a)).at(5)
    const facts = { number: 1, previous: '0'.repeat(64), at: new Date().toISOString(), keyId: forger.publicKey.kid }
    const document = checkpointDocument(facts, [{ stream: a, seq: 6, hash: head?.hash ?? '' }])
    await trail.tamper('update checkpoints set document = $1, hash = $2, key_id = $3, signature = $4', [
      document,
      sha256(document),
      forger.publicKey.kid,
      forger.sign(document),
    ])
    const own = JSON.stringify({ version: 1, key: forger.publicKey, previous: [] })
    const planted = [forger.publicKey.kid, own, forger.sign(own)]
    await trail.tamper('insert into signing_keys (id, document, signature) values ($1, $2, $3)', planted)
    const all = await found()
    expect(all).toContainEqual(['bad signature', 'checkpoints', 1])
    // The platform was told another.
    expect(all).toContainEqual(['changed', 'checkpoints', 1])
  })

  it('that was changed', async () => {
    await trail.tamper(`update checkpoints set document = replace(document, '"version":1', '"version":2')`)
    expect(await found()).toEqual(
      expect.arrayContaining([
        ['changed', 'checkpoints', 1],
        ['bad signature', 'checkpoints', 1],
      ]),
    )
  })

  it('that was removed, in between or at the end', async () => {
    await second()
    expect(await found()).toEqual([])
    const remove = async (number: number) => {
      await trail.tamper('delete from checkpoint_heads where checkpoint = $1', [number])
      await trail.tamper('delete from checkpoints where number = $1', [number])
    }
    await remove(3)
    expect(await found()).toEqual([['removed', 'checkpoints', 3]])
    await remove(1)
    expect(await found()).toContainEqual(['removed', 'checkpoints', 1])
  })

  it('of before a rotation of the key verifies after it, and so does what comes after', async () => {
    const next = createSigner(trail.platformKey, 2)
    await transaction(trail.orm.pool, (sql) => keepSigningKey(sql, next))
    await trail.append(b, 1)
    expect(await trail.checkpoint(next)).toBe(1)
    expect(await verified(next)).toMatchObject({ checkpoints: 2, findings: [] })
    // The same with the keys of the export itself.
    const records = exportAudit(trail.sql, next, null) as AsyncIterable<unknown> as AsyncIterable<AuditRecord[]>
    expect(await verifyAudit(records)).toMatchObject({ checkpoints: 2, findings: [] })
    const narrow = exportAudit(trail.sql, next, null) as AsyncIterable<unknown> as AsyncIterable<AuditRecord[]>
    const { findings } = await verifyAudit(narrow, { keys: [next.publicKey] })
    expect(findings).toMatchObject([{ kind: 'bad signature', seq: 1 } satisfies Partial<AuditFinding>])
  })
})

describe('an export', () => {
  /** Its records, as somebody may order them who hands on the file. */
  async function handedOn(order: (records: readonly AuditRecord[]) => readonly AuditRecord[]) {
    const records = exportAudit(trail.sql, trail.signer, null) as AsyncIterable<unknown> as AsyncIterable<AuditRecord[]>
    const all: AuditRecord[] = []
    for await (const some of records) all.push(...some)
    const some = (async function* () {
      yield order(all)
    })()
    const { findings } = await verifyAudit(some, { keys: [trail.signer.publicKey] })
    return findings.map(({ kind, stream }) => [kind, stream])
  }
  const behind = (records: readonly AuditRecord[]) => {
    const isSigned = ({ kind }: AuditRecord) => kind === 'checkpoint'
    const rest = records.filter((one) => !isSigned(one))
    return [...rest.slice(0, -1), ...records.filter(isSigned), ...rest.slice(-1)]
  }

  it('of a forged stream whose checkpoints were moved behind the events, where nothing would be compared with them', async () => {
    const bodies = (await eventsOf(b)).map(({ body }) => body.replace('key:admin', 'key:other'))
    await forge(b, bodies)
    expect(await handedOn((records) => records)).toContainEqual(['changed', b])
    expect(await handedOn(behind)).toContainEqual(['reordered', 'checkpoints'])
  })

  it('with events of no stream, or with a stream twice', async () => {
    const stray = (records: readonly AuditRecord[]) => {
      const event = records.find(({ kind }) => kind === 'event') as AuditRecord
      const first = records.findIndex(({ kind }) => kind === 'stream')
      return [...records.slice(0, first), event, ...records.slice(first)]
    }
    expect(await handedOn(stray)).toContainEqual(['reordered', 'export'])
    const twice = (records: readonly AuditRecord[]) => {
      const stream = records.find(({ kind }) => kind === 'stream') as AuditRecord
      return [...records.slice(0, -1), stream, ...records.slice(-1)]
    }
    expect(await handedOn(twice)).toContainEqual(['reordered', a < 'platform' ? a : 'platform'])
  })
})
