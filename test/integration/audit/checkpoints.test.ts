import { randomBytes, randomUUID } from 'node:crypto'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { emptyHead } from '../../../crypto/hash-chain.ts'
import { createSigner, isSignedBy } from '../../../crypto/signing.ts'
import { sha256 } from '../../../crypto/tokens.ts'
import { makeCheckpoints } from '../../../registry/checkpoints.ts'
import { transaction } from '../../../registry/pool.ts'
import { keepSigningKey, publicKeys } from '../../../registry/signing-keys.ts'
import { createCheckpointing } from '../../../worker/checkpointing.ts'
import { openTrail, type Trail } from '../../support/trail.ts'

let trail: Trail
beforeAll(async () => {
  trail = await openTrail()
})
afterAll(() => trail.close())

type Row = { number: number; document: string; hash: string; signature: string }
const checkpoints = () =>
  trail.sql<Row>({ text: 'select number, document, hash, signature from checkpoints order by number' })
const headsOf = ({ document }: Row) => (JSON.parse(document) as { heads: [string, number, string][] }).heads
const told = async () =>
  (
    await trail.sql<{ data: Record<string, unknown> }>({
      text: `select body::jsonb -> 'data' as data from events where type = 'TENANCY_CHECKPOINT_MADE' order by seq`,
    })
  ).map(({ data }) => data)

it('signs the heads of what has grown, chains the checkpoints, tells of each, and makes none without news', async () => {
  const [one, two] = [randomUUID(), randomUUID()]
  await trail.append(one, 3)
  await trail.append(two, 1)
  expect(await trail.checkpoint()).toBe(1)
  expect(await trail.checkpoint()).toBe(0)
  await trail.append(one, 2)
  expect(await trail.checkpoint()).toBe(1)
  expect(await trail.checkpoint()).toBe(0)

  const [first, second, ...more] = await checkpoints()
  if (first === undefined || second === undefined) throw new Error('there are not two checkpoints')
  expect(more).toEqual([])
  const { publicKey } = trail.signer
  for (const { document, hash, signature } of [first, second]) {
    expect(sha256(document)).toBe(hash)
    expect(isSignedBy(publicKey, document, signature)).toBe(true)
    expect(isSignedBy(publicKey, document.replace('"version":1', '"version":2'), signature)).toBe(false)
  }
  expect(JSON.parse(first.document)).toMatchObject({ number: 1, previous: emptyHead, keyId: publicKey.kid })
  expect(JSON.parse(second.document)).toMatchObject({ number: 2, previous: first.hash })
  expect(headsOf(first).map(([stream, seq]) => [stream, seq])).toEqual([
    ...[one, two].toSorted().map((stream) => [stream, stream === one ? 3 : 1]),
    ['platform', 1],
  ])
  // What has not grown is in it no more; the platform's stream has, by the checkpoint before.
  expect(headsOf(second).map(([stream, seq]) => [stream, seq])).toEqual([
    [one, 5],
    ['platform', 2],
  ])
  expect(await told()).toMatchObject([
    { number: 1, sha256: first.hash, signature: first.signature, heads: 3 },
    { number: 2, sha256: second.hash, previous: first.hash },
  ])
  // The relay carries the platform's stream to the governance topic as any other.
  expect(await trail.sql({ text: `select head::int from deliveries where stream = 'platform'` })).toEqual([{ head: 3 }])
})

it('makes as many as there are heads for, each of a bounded size', async () => {
  const before = (await checkpoints()).length
  await Promise.all(Array.from({ length: 7 }, () => trail.append(randomUUID())))
  expect(await trail.checkpoint(trail.signer, 3)).toBe(3)
  expect((await checkpoints()).slice(before).map((row) => headsOf(row).length)).toEqual([3, 3, 2])
})

it('makes none while the last is younger than the interval; several workers make one', async () => {
  const stream = randomUUID()
  await trail.append(stream)
  expect(await makeCheckpoints(trail.orm.pool, trail.signer, { intervalMs: 3_600_000 })).toBe(0)
  const { length } = await checkpoints()
  const work = { orm: trail.orm, signer: trail.signer, log: pino({ level: 'silent' }) }
  await Promise.all(Array.from({ length: 4 }, () => createCheckpointing(work, { intervalMs: 1 })()))
  const after = await checkpoints()
  expect(after).toHaveLength(length + 1)
  expect(headsOf(after.at(-1) as Row)[0]?.slice(0, 2)).toEqual([stream, 1])
})

it('a rotated key vouches for those before it; one that somebody planted does not count', async () => {
  const next = createSigner(trail.platformKey, 2)
  const keep = (signer: typeof next) => transaction(trail.orm.pool, (sql) => keepSigningKey(sql, signer))
  await Promise.all([keep(next), keep(next)])
  const kids = async (signer: typeof next) => (await publicKeys(trail.sql, signer)).map(({ kid }) => kid)
  expect(await kids(next)).toEqual([next.publicKey.kid, trail.signer.publicKey.kid])
  expect(await kids(trail.signer)).toEqual([trail.signer.publicKey.kid])
  const added = await trail.sql({
    text: `select body::jsonb -> 'data' as data from events where type = 'TENANCY_SIGNING_KEY_ADDED' order by seq`,
  })
  expect(added).toEqual([
    { data: { before: null, after: trail.signer.publicKey.kid } },
    { data: { before: trail.signer.publicKey.kid, after: next.publicKey.kid } },
  ])

  const planted = createSigner(randomBytes(32))
  const forged = (
    await trail.sql<{ document: string }>({
      text: 'select document from signing_keys where id = $1',
      values: [next.publicKey.kid],
    })
  )[0]
  const document = JSON.stringify({ ...JSON.parse(forged?.document ?? '{}'), previous: [planted.publicKey] })
  await trail.tamper('update signing_keys set document = $2, signature = $3 where id = $1', [
    next.publicKey.kid,
    document,
    planted.sign(document),
  ])
  expect(await kids(next)).toEqual([next.publicKey.kid])
})

it('a key that was planted before a rotation is vouched for by no later one', async () => {
  const planted = createSigner(randomBytes(32))
  const document = JSON.stringify({ version: 1, key: planted.publicKey, previous: [] })
  // As whoever has the services' own rights may do.
  await trail.sql({
    text: 'insert into signing_keys (id, document, signature) values ($1, $2, $3)',
    values: [planted.publicKey.kid, document, planted.sign(document)],
  })
  const next = createSigner(trail.platformKey, 3)
  await transaction(trail.orm.pool, (sql) => keepSigningKey(sql, next))
  const kids = (await publicKeys(trail.sql, next)).map(({ kid }) => kid)
  expect(kids).toEqual([3, 2, 1].map((version) => createSigner(trail.platformKey, version).publicKey.kid))
})
