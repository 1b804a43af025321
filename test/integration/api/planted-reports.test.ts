import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkpointDocument } from '../../../crypto/checkpoint.ts'
import { canonicalText, emptyHead } from '../../../crypto/hash-chain.ts'
import { createSigner, isSignedBy } from '../../../crypto/signing.ts'
import { sha256 } from '../../../crypto/tokens.ts'
import { eventsJson } from '../../../registry/events.ts'
import { sqlOf, transaction } from '../../../registry/pool.ts'
import { insertReport } from '../../../registry/reports.ts'
import { keepSigningKey, publicKeys } from '../../../registry/signing-keys.ts'
import { openTestApi, type TestApi } from './support.ts'

/** Reports are signed as they are given out: whoever can write to the registry must not have the platform sign what he likes. */
let api: TestApi
let superuser: pg.Client
beforeAll(async () => {
  api = await openTestApi()
  superuser = new pg.Client({ connectionString: api.url })
  await superuser.connect()
  await superuser.query('set session_replication_role = replica')
})
afterAll(async () => {
  await superuser.end()
  await api.close()
})

type Row = { document: string; signature: string }

/** Plants a row, with an event that speaks of it or without, as the services' own role; gives what the API says of it. */
async function planted(
  made: (tenant: string) => string,
  isTold: boolean,
): Promise<{ byId: Row | undefined; listed: Row[] }> {
  const { tenant, operation } = await api.settled('failed')
  const document = made(tenant.id)
  const id = await transaction(api.orm.pool, async (sql) => {
    const values = [tenant.id, operation.id, document]
    const text = `insert into reports (tenant_id, operation_id, kind, document)
      values ($1, $2, 'deletion-certificate', $3) returning id`
    const [row] = await sql<{ id: string }>({ text, values })
    if (isTold)
      await sql({
        text: 'select append_events($1, $2::jsonb)',
        values: [
          tenant.id,
          eventsJson([
            {
              type: 'TENANCY_CERTIFICATE_ISSUED',
              actor: 'system:worker',
              operationId: operation.id,
              data: { report: row?.id ?? '', sha256: sha256(document) },
            },
          ]),
        ],
      })
    return row?.id
  })
  const key = api.keys.auditor
  const one = await api.call('GET', `/v1/reports/${id}`, { key })
  const list = await api.call('GET', `/v1/tenants/${tenant.id}/reports`, { key })
  return { byId: one.status === 200 ? one.body : undefined, listed: list.body.items }
}

const certificate = (tenant: string) =>
  canonicalText({ version: 1, tenant: { id: tenant, slug: 'acme' }, key: { destroyed: true }, removed: [] })

test.each([
  ['of another tenant', true, () => 'of-another'],
  ['that the trail does not speak of', false, (tenant: string) => tenant],
])('a certificate %s is none, and is not signed', async (_, isTold, nameOf) => {
  const { byId, listed } = await planted((tenant) => certificate(nameOf(tenant)), isTold)
  expect([byId, listed]).toEqual([undefined, []])
})

test.each([false, true])('a checkpoint among the reports is not signed (told in the trail: %s)', async (isTold) => {
  const { publicKey } = api.deps.signer
  const facts = { number: 1, previous: emptyHead, at: '2026-01-01T00:00:00.000Z', keyId: publicKey.kid }
  const document = checkpointDocument(facts, [{ stream: 'platform', seq: 1, hash: 'f'.repeat(64) }])
  const { byId, listed } = await planted(() => document, isTold)
  for (const { signature } of [...listed, ...(byId === undefined ? [] : [byId])])
    expect(isSignedBy(publicKey, document, signature)).toBe(false)
  expect([byId, listed]).toEqual([undefined, []])
})

test('a list of keys among the reports is not signed, so that no planted key is vouched for', async () => {
  const { signer, orm } = api.deps
  await transaction(orm.pool, (sql) => keepSigningKey(sql, signer))
  const theirs = createSigner(randomBytes(32)).publicKey
  const document = canonicalText({ version: 1, key: signer.publicKey, previous: [theirs] })
  const { byId } = await planted(() => document, true)
  await superuser.query('update signing_keys set document = $1, signature = $2 where id = $3', [
    document,
    byId?.signature ?? 'none',
    signer.publicKey.kid,
  ])
  expect((await publicKeys(sqlOf(orm.pool), signer)).map(({ kid }) => kid)).toEqual([signer.publicKey.kid])
})

test('a report that was issued is given, signed', async () => {
  const { tenant, operation } = await api.settled('failed')
  await transaction(api.orm.pool, async (sql) => {
    const report = { tenant: tenant.id, operation: operation.id, kind: 'deletion-certificate' as const }
    const document = { version: 1, tenant: { id: tenant.id }, backups: 'Zürich' }
    const { id, hash } = await insertReport(sql, { ...report, document })
    const data = { report: id, sha256: hash }
    const said = {
      type: 'TENANCY_CERTIFICATE_ISSUED',
      actor: 'system:worker',
      operationId: operation.id,
      data,
    } as const
    await sql({ text: 'select append_events($1, $2::jsonb)', values: [tenant.id, eventsJson([said])] })
  })
  const { body } = await api.call('GET', `/v1/tenants/${tenant.id}/reports`)
  const [report] = body.items as Row[]
  expect(isSignedBy(api.deps.signer.publicKey, report?.document ?? '', report?.signature ?? '')).toBe(true)
})
