import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startApi } from '../../../api/server.ts'
import { createSigner } from '../../../crypto/signing.ts'
import { runCommandLine } from '../../support/command-line.ts'
import { makeCheckpoints } from '../../../registry/checkpoints.ts'
import { transaction } from '../../../registry/pool.ts'
import { keepSigningKey } from '../../../registry/signing-keys.ts'
import { manifest, openTestApi, type TestApi } from '../api/support.ts'

/** The trail by the API and the command line, over a registry in which tenants were accepted. */
let api: TestApi
let served: Awaited<ReturnType<typeof startApi>>
let superuser: pg.Client
const cwd = mkdtempSync(join(tmpdir(), 'freehold-audit-'))
const tenants: { id: string; slug: string }[] = []
let key: string

beforeAll(async () => {
  api = await openTestApi()
  key = api.keys.auditor
  const { pool } = api.orm
  await transaction(pool, (sql) => keepSigningKey(sql, api.deps.signer))
  for (const correlation of ['first-request', 'second-request']) {
    const headers = { 'x-correlation-id': correlation }
    const { body } = await api.call('POST', '/v1/tenants', { body: manifest(), headers })
    tenants.push(body.tenant)
  }
  await makeCheckpoints(pool, api.deps.signer, { intervalMs: 1 })
  served = await startApi({ ...api.deps, host: '127.0.0.1', port: 0 })
  superuser = new pg.Client({ connectionString: api.url })
  await superuser.connect()
  await superuser.query('set session_replication_role = replica')
})
afterAll(async () => {
  await superuser.end()
  await served.stop()
  await api.close()
  rmSync(cwd, { recursive: true, force: true })
})

const freehold = (args: string[], env: Record<string, string> = { FREEHOLD_API_KEY: key }) =>
  runCommandLine(args, { cwd, env: { FREEHOLD_URL: served.url, ...env } })

describe('the API', () => {
  const list = async (query: string) => (await api.call('GET', `/v1/audit?${query}`, { key })).body
  const types = async (query: string) => (await list(query)).items.map(({ type }: { type: string }) => type)

  test('lists events of all streams by each filter, page by page', async () => {
    const [first, second] = tenants
    expect(await types(`tenant=${first?.slug}`)).toEqual([
      'TENANCY_TENANT_ACCEPTED',
      'TENANCY_KEY_CREATED',
      'TENANCY_OPERATION_ACCEPTED',
    ])
    const { items } = await list('type=TENANCY_TENANT_ACCEPTED')
    expect(items.map(({ stream }: { stream: string }) => stream)).toEqual([first?.id, second?.id])
    expect(await types(`operation=${items[0].operationId}`)).toHaveLength(3)
    expect(await types('correlation=second-request')).toHaveLength(3)
    expect(await types('correlation=of-nobody')).toEqual([])
    expect(new Set(await types('actor=key:boss'))).toEqual(new Set(await types(`tenant=${first?.slug}`)))
    expect(await types('actor=system:platform-file')).toEqual(Array.from({ length: 3 }, () => 'TENANCY_CELL_CHANGED'))
    const { time } = items[1]
    expect(await types(`type=TENANCY_TENANT_ACCEPTED&from=${time}`)).toHaveLength(1)
    expect(await types(`type=TENANCY_TENANT_ACCEPTED&to=${time}`)).toHaveLength(1)
    const all = await list('limit=200')
    let paged: string[] = []
    for (let cursor = ''; ;) {
      const { items: more, nextCursor } = await list(`limit=4${cursor}`)
      paged = [...paged, ...more.map(({ id }: { id: string }) => id)]
      if (nextCursor === null) break
      cursor = `&cursor=${nextCursor}`
    }
    expect(paged).toEqual(all.items.map(({ id }: { id: string }) => id))
  })

  test.each([
    ['type=NO_SUCH_TYPE', 400],
    ['from=yesterday', 400],
    ['to=0000-01-01T00:00:00Z', 400],
    ['actor=a%00b', 400],
    ['correlation=%00', 400],
    ['operation=1', 400],
    ['tenat=acme', 400],
    ['tenant=nobody', 404],
  ])('refuses %s', async (query, status) => {
    expect((await api.call('GET', `/v1/audit?${query}`, { key })).status).toBe(status)
  })

  test('refuses an export of a part, which nobody could verify', async () => {
    const headers = { accept: 'application/x-ndjson' }
    const answer = await api.call('GET', '/v1/audit?type=TENANCY_KEY_CREATED', { key, headers })
    expect([answer.status, answer.body.errors]).toEqual([400, [expect.objectContaining({ path: 'query.type' })]])
  })

  test('gives checkpoints', async () => {
    const { body } = await api.call('GET', '/v1/audit/checkpoints', { key })
    expect(body).toMatchObject({ items: [{ number: 1, keyId: api.deps.signer.publicKey.kid }], nextAfter: null })
    expect(JSON.parse(body.items[0].document).heads).toHaveLength(3)
  })
})

describe('the command line', () => {
  test('lists', async () => {
    const { stdout } = await freehold(['audit', 'list', tenants[0]?.slug ?? '', '--type', 'TENANCY_KEY_CREATED'])
    expect(stdout.trimEnd().split('\n')).toHaveLength(2)
    expect(stdout).toContain('first-request')
  })

  test('verifies everything, and one tenant', async () => {
    expect(await freehold(['audit', 'verify'])).toEqual({
      exitCode: 0,
      stdout: expect.stringMatching(
        /^all is well: \d+ events of 3 streams, 1 checkpoints; 1 events are newer/,
      ) as string,
      stderr: '',
    })
    const one = await freehold(['audit', 'verify', tenants[0]?.slug ?? ''])
    expect(one).toMatchObject({ exitCode: 0, stdout: 'all is well: 3 events of 1 streams, 1 checkpoints\n' })
  })

  test('a file of one tenant verifies without network and key, and any byte of it that is changed is found', async () => {
    const exported = await freehold(['audit', 'export', tenants[0]?.slug ?? '', '--file', 'one.ndjson'])
    expect(exported).toMatchObject({ exitCode: 0, stdout: '' })
    const { body } = await api.call('GET', '/.well-known/freehold/keys.json', { key: null })
    writeFileSync(join(cwd, 'keys.json'), JSON.stringify(body))
    const verify = (file: string, keys = 'keys.json') =>
      freehold(['audit', 'verify', '--file', file, '--keys', keys], { FREEHOLD_URL: 'http://127.0.0.1:9' })
    expect(await verify('one.ndjson')).toEqual({
      exitCode: 0,
      stdout: 'all is well: 3 events of 1 streams, 1 checkpoints\n',
      stderr: '',
    })
    const text = readFileSync(join(cwd, 'one.ndjson'), 'utf8')
    // Every line but the first, which only says what the file is of, and the keys, which are not taken from it.
    const places = text
      .split('\n')
      .flatMap((line, at) => (/"kind":"(checkpoint|stream|event|end)"/.test(line) ? [at] : []))
    expect(places).toHaveLength(6)
    for (const at of places) {
      const lines = text.split('\n')
      const line = lines[at] ?? ''
      // Of a stream how many events it has; how far a destination has them is no part of the trail.
      const from = line.includes('"kind":"stream"') ? line.indexOf('"head"') : line.length
      const place = line.slice(0, from).search(/[0-9](?=[^0-9]*$)/)
      lines[at] = `${line.slice(0, place)}${line[place] === '1' ? '2' : '1'}${line.slice(place + 1)}`
      writeFileSync(join(cwd, 'changed.ndjson'), lines.join('\n'))
      const { exitCode, stderr } = await verify('changed.ndjson')
      expect([exitCode, line, stderr]).toEqual([1, line, expect.stringContaining('code: audit_broken')])
      writeFileSync(join(cwd, 'shorter.ndjson'), lines.toSpliced(at, 1).join('\n'))
      expect([(await verify('shorter.ndjson')).exitCode, line]).toEqual([1, line])
    }
    // Without any checkpoint it agrees with itself, which is not enough for who brings keys.
    const bare = text.split('\n').filter((line) => !line.includes('"kind":"checkpoint"'))
    writeFileSync(join(cwd, 'bare.ndjson'), bare.join('\n').replace('"checkpoints":1', '"checkpoints":0'))
    expect(await verify('bare.ndjson')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('code: audit_unsigned') as string,
    })
    writeFileSync(join(cwd, 'cut.ndjson'), text.slice(0, text.length - 100))
    expect((await verify('cut.ndjson')).exitCode).toBe(1)
    const other = createSigner(randomBytes(32)).publicKey
    writeFileSync(join(cwd, 'other.json'), JSON.stringify({ keys: [other] }))
    const { exitCode, stderr } = await verify('one.ndjson', 'other.json')
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('bad signature: checkpoints 1')])
    expect((await verify('nothing.ndjson')).exitCode).toBe(2)
  })

  test('names what was done to the registry, with exit code 1', async () => {
    await superuser.query(`update events set body = replace(body, 'boss', 'nobody') where stream = $1 and seq = 2`, [
      tenants[1]?.id,
    ])
    const { exitCode, stderr } = await freehold(['audit', 'verify'])
    expect(exitCode).toBe(1)
    expect(stderr).toContain('error: the audit trail is BROKEN')
    expect(stderr).toMatch(new RegExp(`changed: ${tenants[1]?.id} 2: expected hash [0-9a-f]{64}; found hash`))
    const json = await freehold(['--output', 'json', 'audit', 'verify'])
    expect(JSON.parse(json.stdout)).toMatchObject({ findings: [{ kind: 'changed', seq: 2 }] })
    expect((await freehold(['audit', 'verify', tenants[0]?.slug ?? ''])).exitCode).toBe(0)
  })
})
