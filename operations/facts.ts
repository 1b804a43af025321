import { FreeholdError } from '../domain/errors.ts'
import type { ResolvedManifest } from '../domain/manifest-resolve.ts'
import type { Platform } from '../domain/platform.ts'
import { placementsWithRows, withSites, type PlacementWithRows } from '../registry/placements.ts'
import { one, type Sql } from '../registry/sql.ts'
import type { Facts, LedgerEntry } from './kinds/kind.ts'
import type { LockedOperation } from './rows.ts'

type Stored = { spec?: Partial<ResolvedManifest['spec']> } | null
type Row = { manifest: Stored; placements: PlacementWithRows[]; ledger: LedgerEntry[] }

/** What is recorded of a tenant. */
export type Records = Pick<Facts, 'manifest' | 'placements' | 'ledger'>

/**
 * What is recorded of a tenant, read by one statement. Throws `manifest_invalid` when its manifest is gone or damaged.
 * @param generation of the manifest
 * @param plan whose weight its placements get; that of the manifest, unless it is said
 */
export async function readRecords(
  sql: Sql,
  platform: Platform,
  { id, generation, plan }: { id: string; generation: number; plan?: string },
): Promise<Records> {
  const row = await one(sql<Row>({ name: 'facts', text: read, values: [id, generation] }))
  const { placements, ledger } = row
  const manifest = readable(row.manifest, { id, generation })
  return { manifest, placements: withSites(placements, platform, plan ?? manifest.spec.plan), ledger }
}

/** A wish that is gone, or asks for nothing at all, is damaged: nobody wishes away all that a tenant has in that way. */
function readable(manifest: Stored, { id, generation }: { id: string; generation: number }): ResolvedManifest {
  const { plan, environments = [] } = manifest?.spec ?? {}
  if (plan !== undefined && environments.length > 0) return manifest as ResolvedManifest
  throw new FreeholdError(
    'manifest_invalid',
    `generation ${generation} of tenant ${id} is recorded without a manifest that can be read; nothing was changed. Apply the manifest again`,
  )
}

/**
 * Everything a kind plans from, read by one statement under the tenant's lock.
 * @param generation of the manifest to plan by; that of the operation, unless it is said
 */
export async function readFacts(
  sql: Sql,
  { operation, tenant }: LockedOperation,
  platform: Platform,
  generation = operation.generation,
): Promise<Facts> {
  return { tenant, operation, platform, ...(await readRecords(sql, platform, { id: tenant.id, generation })) }
}

const read = `select
    (select resolved from generations where tenant_id = $1 and number = $2) as manifest,
    ${placementsWithRows} as placements,
    (select coalesce(jsonb_agg(jsonb_build_object('key', key, 'spec', spec, 'specVersion', spec_version,
        'createdBy', created_by, 'before', spec_before, 'state', state, 'facts', facts) order by key), '[]')
      from resources where tenant_id = $1) as ledger`
