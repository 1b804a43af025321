import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sha256 } from '../../../crypto/tokens.ts'
import { readPlatformSecret } from '../../../registry/platform-secrets.ts'
import { sqlOf } from '../../../registry/pool.ts'
import { openTestApi, type TestApi } from './support.ts'

let api: TestApi
beforeAll(async () => {
  api = await openTestApi()
})
afterAll(() => api.close())

const put = (name: string, value: unknown, more: { key?: string; headers?: Record<string, string> } = {}) =>
  api.call('PUT', `/v1/secrets/${name}`, { body: { value, reason: 'ticket 1' }, ...more })
const drop = (name: string) => api.call('DELETE', `/v1/secrets/${name}`, { body: {} })
const list = async () => (await api.call('GET', '/v1/secrets', { key: api.keys.auditor })).body.items
const read = (name: string, key = api.platformKey) => readPlatformSecret(sqlOf(api.orm.pool), key, name)
const events = async () =>
  (
    await api.sql(
      `select type, body from events where stream = 'platform' and type like 'TENANCY_SECRET%' order by seq`,
    )
  ).map(({ type, body }) => ({ type, ...(JSON.parse(String(body)) as { actor: string; data: object }) }))

describe('a secret of the platform', () => {
  test('is stored in versions, listed without its value, deleted, and each of it is an event', async () => {
    const first = await put('globex-database', 'one')
    expect([first.status, first.body]).toMatchObject([
      200,
      { created: true, secret: { name: 'globex-database', version: 1, updatedBy: 'key:boss', usedBy: [] } },
    ])
    expect((await put('globex-database', 'two')).body).toMatchObject({ created: false, secret: { version: 2 } })
    expect(await read('globex-database')).toBe('two')
    const [listed] = await list()
    expect(Object.keys(listed).toSorted()).toEqual(['createdAt', 'name', 'updatedAt', 'updatedBy', 'usedBy', 'version'])
    expect((await drop('globex-database')).body).toMatchObject({ deleted: { name: 'globex-database', version: 2 } })
    const gone = await api.unchanged(() => drop('globex-database'))
    expect([gone.status, gone.body.code]).toEqual([404, 'secret_not_found'])
    expect(await list()).toEqual([])
    await expect(read('globex-database')).rejects.toMatchObject({ code: 'secret_not_found' })
    expect(await events()).toMatchObject([
      {
        type: 'TENANCY_SECRET_PUT',
        actor: 'key:boss',
        data: { name: 'globex-database', version: 1, reason: 'ticket 1' },
      },
      { type: 'TENANCY_SECRET_PUT', data: { version: 2 } },
      { type: 'TENANCY_SECRET_DELETED', data: { name: 'globex-database', version: 2 } },
    ])
  })

  test('is in no answer, row, event or line of the log, nor is a hash of it that could be guessed', async () => {
    const value = 'postgresql://owner:hunter2@db.globex.example:6543/postgres?sslmode=require'
    const headers = { 'idempotency-key': 'put-1' }
    const answers = [await put('kept', value, { headers }), await put('kept', value, { headers })]
    expect(answers[1]?.headers.get('idempotency-replayed')).toBe('true')
    answers.push(await put('kept', value), await api.call('GET', '/v1/secrets'))
    const said = JSON.stringify([answers.map(({ text }) => text), await api.rows(), api.lines])
    expect(said).not.toContain('hunter2')
    const call = ['PUT', '/v1/secrets/kept', '', JSON.stringify({ value, reason: 'ticket 1' })]
    expect(said).not.toContain(sha256(JSON.stringify(call)))
    expect(await read('kept')).toBe(value)
    const other = Buffer.alloc(32, 1)
    await expect(read('kept', other)).rejects.toMatchObject({ code: 'secret_unreadable' })
  })

  test('does not open under another name or version', async () => {
    await put('moved', 'a value')
    await api.sql(`insert into platform_secrets (name, sealed, updated_by) select 'other', sealed, updated_by
      from platform_secrets where name = 'moved'`)
    await expect(read('other')).rejects.toMatchObject({ code: 'secret_unreadable' })
    await api.sql(`update platform_secrets set version = 9 where name = 'moved'`)
    await expect(read('moved')).rejects.toMatchObject({ code: 'secret_unreadable' })
  })

  test('is stored and deleted by an admin alone', async () => {
    await api.sql(`update api_keys set role = 'platform-operator' where name = 'auditor'`)
    for (const method of ['PUT', 'DELETE']) {
      const body = method === 'PUT' ? { value: 'x' } : {}
      const refused = await api.unchanged(() =>
        api.call(method, '/v1/secrets/refused', { key: api.keys.auditor, body }),
      )
      expect([refused.status, refused.body.code]).toEqual([403, 'forbidden'])
    }
    await api.sql(`update api_keys set role = 'platform-auditor' where name = 'auditor'`)
  })

  test('two puts at once are two versions', async () => {
    const answers = await Promise.all([put('twice', 'a'), put('twice', 'b')])
    expect(answers.map(({ body }) => body.secret.version as number).toSorted((a, b) => a - b)).toEqual([1, 2])
  })

  test.each([
    ['no value', 'fine', undefined],
    ['an empty one', 'fine', ''],
    ['one that is too long', 'fine', 'x'.repeat(16_385)],
    ['one with a zero character', 'fine', 'a\0b'],
    ['one that is no text', 'fine', 7],
    ['a name in capitals', 'Fine', 'x'],
    ['a name that is too long', 'n'.repeat(64), 'x'],
    ['a name with a slash', 'a%2Fb', 'x'],
  ])('is refused with its place, and never shown: %s', async (_, name, value) => {
    const { status, body, text } = await api.unchanged(() => put(name, value))
    expect([status, body.code]).toEqual([400, 'invalid_request'])
    expect(body.errors[0].path).toMatch(/^(body\.value|param\.name)$/)
    expect(text).not.toContain('xxx')
  })
})
