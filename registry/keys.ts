import { newKey, open, seal, unwrapKey, wrapKey, type Purpose } from '../crypto/envelope.ts'
import { FreeholdError } from '../domain/errors.ts'
import { TenantKey } from './entities/secret.ts'
import type { EntityManager } from './orm.ts'

/** Makes the tenant's key, wrapped by the platform key. */
export async function createTenantKey(em: EntityManager, platformKey: Buffer, tenant: string): Promise<void> {
  em.create(TenantKey, { tenant, wrapped: wrapKey(platformKey, newKey()) })
  await em.flush()
}

/** Destroys the tenant's key and all its secrets: what was sealed with it can never be read again. */
export async function destroyTenantKey(em: EntityManager, tenant: string): Promise<boolean> {
  await em.execute('delete from secrets where tenant_id = ?', [tenant])
  return (await em.nativeDelete(TenantKey, { tenant })) > 0
}

/** Seals and opens texts of one tenant; `context` says what the text is and binds it to its place. */
export type Sealer = {
  seal(purpose: Purpose, context: string, plain: string): Buffer
  open(purpose: Purpose, context: string, sealed: Buffer): string
}

/** A sealer with the tenant's key. Throws `secret_unreadable` when the key was destroyed or the platform key is wrong. */
export async function sealerFor(em: EntityManager, platformKey: Buffer, tenant: string): Promise<Sealer> {
  const row = await em.findOne(TenantKey, { tenant })
  if (row === null) throw new FreeholdError('secret_unreadable', `the key of tenant ${tenant} was destroyed`)
  const key = unwrapKey(platformKey, Buffer.from(row.wrapped))
  return {
    seal: (purpose, context, plain) => seal(key, purpose, `${tenant}/${context}`, plain),
    open: (purpose, context, sealed) => open(key, purpose, `${tenant}/${context}`, sealed),
  }
}
