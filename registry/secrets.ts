import { FreeholdError } from '../domain/errors.ts'
import type { Sealer } from './tenant-keys.ts'
import { withoutWaiting, type Sql } from './sql.ts'

type Row = { name: string; version: number; sealed: Buffer }
/** Under which claim on the ledger secrets are written; none for those who only read. */
type Under = { readonly key: string; readonly fence: number }

const context = (name: string, version: number) => `secrets/${name}/${version}`
/** What writes does so only while the claim stands, in the same statement. */
const held = `exists (select from resources where tenant_id = $1 and key = $2 and fence = $3 and claimed_until is not null)`

/** Secrets of one tenant, sealed with its key and bound to name and version; only to read. */
export function readableSecrets(sql: Sql, tenant: string, sealer: () => Sealer) {
  const open = ({ name, version, sealed }: Row) => sealer().open('secrets', context(name, version), sealed)

  async function find(name: string): Promise<Row | undefined> {
    const rows = await sql<Row>({
      name: 'read-secret',
      text: 'select name, version, sealed from secrets where tenant_id = $1 and name = $2',
      values: [tenant, name],
    })
    return rows[0]
  }

  async function read(name: string): Promise<string | undefined> {
    const row = await find(name)
    return row === undefined ? undefined : open(row)
  }

  async function list(prefix: string): Promise<string[]> {
    const rows = await sql<{ name: string }>({
      text: `select name from secrets where tenant_id = $1 and starts_with(name, $2) order by name collate "C"`,
      values: [tenant, prefix],
    })
    return rows.map(({ name }) => name)
  }

  return { find, open, read, list }
}

/**
 * The same, to write as well, under a claim on the ledger: each call commits by itself. What writes throws
 * `operation_superseded` when another has the claim by now.
 */
export function claimedSecrets(sql: Sql, tenant: string, sealer: () => Sealer, claim: Under) {
  const { find, open, read, list } = readableSecrets(sql, tenant, sealer)
  const under = [tenant, claim.key, claim.fence]
  const sealed = (name: string, version: number, value: string) =>
    sealer().seal('secrets', context(name, version), value)
  const lost = () =>
    new FreeholdError(
      'operation_superseded',
      `the claim of ${claim.key} has gone to another try; its secrets were left`,
    )

  /** Stores the first version; false when there is one already, or the claim is gone. */
  async function create(name: string, value: string): Promise<boolean> {
    const rows = await sql({
      name: 'create-secret',
      text: `insert into secrets (tenant_id, name, version, sealed) select $1::uuid, $4, 1, $5 where ${held}
        on conflict do nothing returning version, ${withoutWaiting}`,
      values: [...under, name, sealed(name, 1, value)],
    })
    return rows.length === 1
  }

  async function readOrCreate(name: string, make: () => string): Promise<string> {
    const value = make()
    if (await create(name, value)) return value
    const row = await find(name)
    if (row === undefined) throw lost()
    return open(row)
  }

  async function replace(name: string, value: string): Promise<void> {
    const row = await find(name)
    if (row === undefined) {
      if (await create(name, value)) return
      throw lost()
    }
    const rows = await sql({
      text: `update secrets set version = version + 1, sealed = $5, updated_at = now()
        where tenant_id = $1 and name = $4 and version = $6 and ${held} returning version, ${withoutWaiting}`,
      values: [...under, name, sealed(name, row.version + 1, value), row.version],
    })
    if (rows.length === 0) throw lost()
  }

  async function destroy(prefix: string): Promise<number> {
    const rows = await sql({
      text: `delete from secrets where tenant_id = $1 and starts_with(name, $4) and ${held} returning name`,
      values: [...under, prefix],
    })
    return rows.length
  }

  return { read, readOrCreate, replace, list, destroy }
}
