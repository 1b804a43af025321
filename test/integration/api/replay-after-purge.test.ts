import { afterAll, beforeAll, expect, test } from 'vitest'
import { eraseTenant } from '../../../operations/erase.ts'
import { sqlOf } from '../../../registry/pool.ts'
import { manifest, openTestApi, type TestApi } from './support.ts'

/** A call that comes once more after its tenant was purged is no new call: it makes nothing, and ends nobody of the same name. */
let api: TestApi
beforeAll(async () => {
  api = await openTestApi()
})
afterAll(async () => {
  await api.close()
})

async function settle(tenant: string, state: string): Promise<void> {
  await api.sql(`update operations set state = 'failed', finished_at = now() where tenant_id = ?`, [tenant])
  await api.sql(`update tenants set state = ? where id = ?`, [state, tenant])
}

test('what created it, or purged it, answers that it is gone, and tells nothing of it', async () => {
  const wish = manifest({ labels: { segment: 'secret-segment' } })
  const { slug } = wish.metadata
  const create = () => api.call('POST', '/v1/tenants', { body: wish, headers: { 'Idempotency-Key': `create-${slug}` } })
  const purge = () =>
    api.call('POST', `/v1/tenants/${slug}/purge`, {
      body: { confirm: slug },
      headers: { 'Idempotency-Key': `purge-${slug}` },
    })
  const { id } = (await create()).body.tenant
  await settle(id, 'failed')
  expect((await purge()).status).toBe(202)
  await settle(id, 'purged')
  await eraseTenant(sqlOf(api.orm.pool), id)

  const again = await api.unchanged(create)
  expect([again.status, again.body.code]).toEqual([410, 'tenant_gone'])
  const kept = (await api.rows())['idempotency_records'] ?? []
  expect(kept.join('\n')).not.toMatch(/secret-segment|Acme/)

  // Another tenant has the slug by now.
  const other = await api.call('POST', '/v1/tenants', { body: wish })
  expect(other.status).toBe(202)
  await settle(other.body.tenant.id, 'failed')
  const late = await api.unchanged(purge)
  expect([late.status, late.body.code]).toEqual([410, 'tenant_gone'])
})
