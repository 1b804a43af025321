import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allowedCommands, lifecycle, tenantStates } from '../../../domain/lifecycle.ts'
import { secretsOf } from '../../support/secrets.ts'
import { manifest, openTestApi, type TestApi } from './support.ts'

let api: TestApi
beforeAll(async () => {
  api = await openTestApi()
})
afterAll(async () => {
  await api.close()
})

describe('commands', () => {
  test('one operation holds the tenant', async () => {
    const { tenant } = await api.settled('failed')
    const answers = await Promise.all(
      Array.from({ length: 5 }, () =>
        api.call('POST', `/v1/tenants/${tenant.id}/purge`, { body: { confirm: tenant.slug } }),
      ),
    )
    const accepted = answers.filter(({ status }) => status === 202)
    expect(accepted).toHaveLength(1)
    const refused = answers.filter(({ body }) => body.code === 'operation_in_progress')
    expect(refused.map(({ body }) => body.facts.operationId)).toEqual(
      Array.from({ length: 4 }, () => accepted[0]?.body.operation.id),
    )
  })

  test('a tenant that is active is not purged', async () => {
    const { tenant } = await api.settled('active')
    const { status, body } = await api.call('POST', `/v1/tenants/${tenant.slug}/purge`, {
      body: { confirm: tenant.slug },
    })
    expect([status, body.code]).toEqual([409, 'transition_not_allowed'])
    expect(body.facts).toEqual({ state: 'active', allowed: allowedCommands('active') })
  })

  test('retry is another attempt at the same operation', async () => {
    const { tenant, operation } = await api.settled('failed')
    const { body } = await api.call('POST', `/v1/tenants/${tenant.slug}/retry`, { body: { reason: 'disk is back' } })
    expect(body.operation).toMatchObject({ id: operation.id, attempt: 2, state: 'accepted', finishedAt: null })
    expect(api.started).toContainEqual(expect.objectContaining({ id: operation.id, attempt: 2 }))
    const again = await api.call('POST', `/v1/tenants/${tenant.slug}/retry`)
    expect([again.status, again.body.code]).toEqual([409, 'operation_not_open'])
  })

  test('what was aborted can be retried, but not what never began', async () => {
    const { tenant, operation } = await api.settled('failed')
    await api.sql(`update operations set state = 'aborted', started_at = null where id = ?`, [operation.id])
    const retry = () => api.call('POST', `/v1/tenants/${tenant.slug}/retry`)
    expect((await retry()).body.code).toBe('operation_not_open')
    await api.sql(`update operations set started_at = now() where id = ?`, [operation.id])
    expect((await retry()).body.operation).toMatchObject({ id: operation.id, attempt: 2, intent: 'forward' })
  })

  test('retry does not bring back a tenant that was purged meanwhile', async () => {
    const { tenant } = await api.settled('failed')
    await api.sql(`update tenants set state = 'purged' where id = ?`, [tenant.id])
    const { status, body } = await api.call('POST', `/v1/tenants/${tenant.id}/retry`)
    expect([status, body.code]).toEqual([409, 'transition_not_allowed'])
  })

  test('a tenant that an open operation holds is told that no command but suspend is allowed', async () => {
    const { tenant } = await api.settled('failed')
    const allowed = async () => (await api.call('GET', `/v1/tenants/${tenant.slug}`)).body.allowed
    expect(await allowed()).toEqual(allowedCommands('failed'))
    await api.call('POST', `/v1/tenants/${tenant.slug}/retry`)
    expect(await allowed()).toEqual(['suspend'])
  })

  test.each([
    ['accepted', 1, 'start'],
    ['running', 1, 'cancel'],
    ['interrupted', 2, 'start'],
  ] as const)('abort of an operation that is %s', async (state, attempt, told) => {
    const { body } = await api.call('POST', '/v1/tenants', { body: manifest() })
    const { id } = body.operation
    await api.sql('update operations set state = ? where id = ?', [state, id])
    const before = api.started.length
    const answer = await api.call('POST', `/v1/tenants/${body.tenant.id}/abort`)
    expect(answer.body.operation).toMatchObject({ id, attempt, intent: 'compensate' })
    const heard = told === 'start' ? api.started.slice(before) : api.cancelled
    expect(heard).toContainEqual(expect.objectContaining({ id, attempt }))
  })

  test('abort is refused for what is settled and for what cannot be given up', async () => {
    const { tenant } = await api.settled('failed')
    expect((await api.call('POST', `/v1/tenants/${tenant.id}/abort`)).body.code).toBe('operation_not_open')
    const purge = await api.call('POST', `/v1/tenants/${tenant.id}/purge`, { body: { confirm: tenant.slug } })
    expect(purge.body.operation).toMatchObject({ kind: 'purge', abortable: false })
    expect((await api.call('POST', `/v1/tenants/${tenant.id}/abort`)).body.code).toBe('transition_not_allowed')
  })

  test('credentials are read with an event and renewed by an operation', async () => {
    const { tenant } = await api.settled('active')
    const secret = `secrets/${tenant.code}/prod/database-1`
    await (await secretsOf(api, tenant.id)).plant(secret, 'pass-word-1')
    const path = `/v1/tenants/${tenant.slug}/credentials`
    const { status, body, headers } = await api.call('POST', path)
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store'])
    const user = `t_${tenant.code}_prod_1_app`
    expect(body.database).toMatchObject({ user, schema: `t_${tenant.code}_prod`, password: 'pass-word-1' })
    expect(body.database.url).toBe(`postgresql://${user}:pass-word-1@127.0.0.1:5432/warehouse_shared`)
    const events = await api.call('GET', `/v1/tenants/${tenant.id}/events`)
    expect(events.body.items.at(-1)).toMatchObject({ type: 'TENANCY_CREDENTIALS_READ', actor: 'key:boss' })
    expect(events.text).not.toContain('pass-word-1')
    for (const more of [{}, { rotate: true }]) {
      const unknown = { body: { environment: 'nope', ...more } }
      const answer = await api.unchanged(() => api.call('POST', path, unknown))
      expect(answer.body.code).toBe('environment_not_found')
    }
    const rotation = await api.call('POST', path, { body: { rotate: true } })
    expect([rotation.status, rotation.body.operation.kind]).toEqual([202, 'rotate-credentials'])
    const failed = await api.settled('failed')
    const refused = await api.call('POST', `/v1/tenants/${failed.tenant.slug}/credentials`)
    expect([refused.status, refused.body.code]).toEqual([409, 'transition_not_allowed'])
  })
})

test('the table of transitions is published, as the rules read it', async () => {
  const { status, body } = await api.call('GET', '/v1/lifecycle')
  expect([status, body]).toEqual([200, { states: [...tenantStates], commands: lifecycle }])
})
