import type { ResolvedManifest } from '../domain/manifest-resolve.ts'
import type { Placement } from '../domain/placement.ts'
import type { Platform } from '../domain/platform.ts'
import { siteFrom } from '../registry/cells.ts'
import type { BusRow, CellRow } from '../registry/entities/placement.ts'
import { one, type Sql } from '../registry/sql.ts'
import type { Facts, LedgerEntry } from './kinds/kind.ts'
import type { Held } from './rows.ts'

type Row = {
  manifest: ResolvedManifest
  placements: { placement: Placement; cell: CellRow; bus: BusRow | null }[]
  ledger: LedgerEntry[]
}

/** Everything a kind plans from, read by one statement under the tenant's lock. */
export async function readFacts(sql: Sql, { operation, tenant }: Held, platform: Platform): Promise<Facts> {
  const { manifest, placements, ledger } = await one(
    sql<Row>({ name: 'facts', text: read, values: [tenant.id, operation.generation] }),
  )
  const sited = placements.map(({ placement, cell, bus }) => ({
    ...placement,
    site: siteFrom(platform, manifest.spec.plan, cell, bus),
  }))
  return { tenant, operation, manifest, placements: sited, ledger, platform }
}

const read = `select
    (select resolved from generations where tenant_id = $1 and number = $2) as manifest,
    (select coalesce(jsonb_agg(jsonb_build_object(
        'placement', jsonb_build_object('environment', p.environment, 'number', p.number, 'profile', p.profile,
          'cell', p.cell, 'bus', p.bus, 'segment', p.segment, 'state', p.state, 'epoch', p.epoch),
        'cell', to_jsonb(c), 'bus', to_jsonb(b)) order by p.environment, p.number), '[]')
      from placements p join cells c on c.name = p.cell left join buses b on b.name = p.bus
      where p.tenant_id = $1 and p.state <> 'released') as placements,
    (select coalesce(jsonb_agg(jsonb_build_object('key', key, 'spec', spec, 'specVersion', spec_version,
        'createdBy', created_by) order by key), '[]')
      from resources where tenant_id = $1) as ledger`
