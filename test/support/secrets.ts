import { sealerOf } from '../../registry/tenant-keys.ts'
import { readableSecrets } from '../../registry/secrets.ts'
import { sqlOf } from '../../registry/pool.ts'
import type { Orm } from '../../registry/orm.ts'
import { TenantKey } from '../../registry/entities/secret.ts'

/** The secrets of a tenant, read as the product reads them, and a way to plant one without a claim. */
export async function secretsOf({ orm, platformKey }: { orm: Orm; platformKey: Buffer }, tenant: string) {
  const { wrapped } = await orm.em.fork().findOneOrFail(TenantKey, { tenant })
  const sealer = sealerOf(platformKey, tenant, Buffer.from(wrapped))
  const sql = sqlOf(orm.pool)
  return {
    ...readableSecrets(sql, tenant, () => sealer),
    async plant(name: string, value: string): Promise<void> {
      const sealed = sealer.seal('secrets', `secrets/${name}/1`, value)
      await sql({
        text: 'insert into secrets (tenant_id, name, version, sealed) values ($1, $2, 1, $3)',
        values: [tenant, name, sealed],
      })
    },
  }
}
