import { Secret, type SecretRow } from './entities/secret.ts'
import { databaseNow } from './entities/types.ts'
import { sealerFor } from './keys.ts'
import type { EntityManager } from './orm.ts'

/** Secrets of one tenant, sealed with its key and bound to name and version; works in the caller's transaction. */
export function tenantSecrets(em: EntityManager, platformKey: Buffer, tenant: string) {
  const context = (name: string, version: number) => `secrets/${name}/${version}`
  const find = (name: string) => em.findOne(Secret, { tenant, name })
  const sealer = () => sealerFor(em, platformKey, tenant)

  async function open({ name, version, sealed }: SecretRow): Promise<string> {
    return (await sealer()).open('secrets', context(name, version), Buffer.from(sealed))
  }

  async function write(row: SecretRow | null, name: string, value: string): Promise<void> {
    const version = (row?.version ?? 0) + 1
    const sealed = (await sealer()).seal('secrets', context(name, version), value)
    if (row === null) em.create(Secret, { tenant, name, version, sealed })
    else Object.assign(row, { version, sealed, updatedAt: databaseNow() })
    await em.flush()
  }

  async function read(name: string): Promise<string | undefined> {
    const row = await find(name)
    return row === null ? undefined : open(row)
  }

  async function replace(name: string, value: string): Promise<void> {
    await write(await find(name), name, value)
  }

  async function readOrCreate(name: string, make: () => string): Promise<string> {
    const row = await find(name)
    if (row !== null) return open(row)
    const value = make()
    await write(null, name, value)
    return value
  }

  async function list(prefix: string): Promise<string[]> {
    const rows = await em.execute<{ name: string }[]>(
      'select name from secrets where tenant_id = ? and starts_with(name, ?) order by name collate "C"',
      [tenant, prefix],
    )
    return rows.map((row) => row.name)
  }

  async function destroy(prefix: string): Promise<number> {
    const names = await list(prefix)
    return names.length === 0 ? 0 : em.nativeDelete(Secret, { tenant, name: { $in: names } })
  }

  return { read, readOrCreate, replace, list, destroy }
}
