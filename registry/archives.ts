import { storedPart, type StoredPart } from '../domain/archive.ts'
import { FreeholdError } from '../domain/errors.ts'
import type { JsonObject } from '../domain/json.ts'
import { one, type Sql } from './sql.ts'

/** An archive as the ledger has it: its folder, and its manifest once it was read back. */
export type KnownArchive = { readonly key: string; readonly folder: string; readonly manifest: StoredPart | undefined }

/** Throws `archive_damaged` when the ledger has no archive of this key any more. */
export async function findArchive(sql: Sql, tenant: string, key: string): Promise<KnownArchive> {
  const [row] = await sql<{ folder: string; manifest: unknown }>({
    name: 'find-archive',
    text: `select spec #>> '{properties,folder}' as folder, facts -> 'manifest' as manifest from resources
      where tenant_id = $1 and key = $2 and kind = 'archive'`,
    values: [tenant, key],
  })
  if (row === undefined) throw new FreeholdError('archive_damaged', `there is no archive ${key} in the ledger`)
  return { key, folder: row.folder, manifest: storedPart.safeParse(row.manifest).data }
}

/** Where the inventory is of what an operation exported, and which version the schema of a database has. */
export type Exported = {
  readonly resource: string
  readonly inventory: StoredPart
  readonly schemaVersion: string | null
}

type ExportedRow = { resource: string; inventory: unknown; by: string | null; schemaVersion: string | null }

/**
 * What an operation exported of one environment. Throws `substrate_unavailable` when a crash of the registry has forgotten one,
 * which an attempt does again.
 * @param resources keys of those that it was to export
 */
export async function exportedBy(
  sql: Sql,
  { operationId, tenantId }: { operationId: string; tenantId: string },
  resources: readonly string[],
): Promise<Exported[]> {
  const rows = await sql<ExportedRow>({
    name: 'exported-by',
    text: `select key as resource, facts #> '{exported,inventory}' as inventory, facts #>> '{exported,by}' as by,
        facts ->> 'schemaVersion' as "schemaVersion"
      from resources where tenant_id = $1 and key = any ($2) order by key`,
    values: [tenantId, resources],
  })
  const known = new Map(rows.filter(({ by }) => by === operationId).map((row) => [row.resource, row]))
  return resources.map((resource) => {
    const row = known.get(resource)
    const inventory = storedPart.safeParse(row?.inventory).data
    if (row === undefined || inventory === undefined)
      throw new FreeholdError('substrate_unavailable', `the export of ${resource} is not on record; retry`)
    return { resource, inventory, schemaVersion: row.schemaVersion }
  })
}

/** The resolved manifest of a generation, as it is kept in an archive. */
export async function wishOf(sql: Sql, tenant: string, generation: number): Promise<Record<string, unknown>> {
  const { resolved } = await one(
    sql<{ resolved: Record<string, unknown> }>({
      name: 'wish-of',
      text: 'select resolved from generations where tenant_id = $1 and number = $2',
      values: [tenant, generation],
    }),
  )
  return resolved
}

/** What the archives of a tenant are proven to hold, as reports tell it. */
export function provenArchives(sql: Sql, tenant: string, keys: readonly string[]): Promise<JsonObject[]> {
  return sql<JsonObject>({
    name: 'proven-archives',
    text: `select environment, placement as archived, spec #>> '{properties,folder}' as folder, facts -> 'contents' as contents,
        facts #> '{manifest,sha256}' as manifest
      from resources where tenant_id = $1 and key = any ($2) order by environment`,
    values: [tenant, keys],
  })
}
