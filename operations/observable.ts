import type { Platform } from '../domain/platform.ts'
import type { ResourceSpec } from '../domain/resources.ts'
import type { BusRow, CellRow } from '../registry/entities/placement.ts'
import type { Sql } from '../registry/sql.ts'
import { readRecords } from './facts.ts'
import { generationInForce, readTenant } from './rows.ts'
import { rewrittenLedger } from './wanted-resources.ts'

/** A resource of the ledger, with what it takes to look at it. */
export type Observable = {
  readonly spec: ResourceSpec
  readonly specVersion: number
  readonly epoch: number
  readonly cell: CellRow | null
  readonly bus: BusRow | null
  readonly wrappedKey: string | null
}

/** Everything the ledger has of a tenant, to be looked at. Throws `tenant_gone` for a purged one. */
export async function readObservable(sql: Sql, platform: Platform, tenantId: string): Promise<Observable[]> {
  const tenant = await readTenant(sql, tenantId)
  const records = await readRecords(sql, platform, { id: tenant.id, generation: generationInForce(tenant) })
  const { ledger } = rewrittenLedger({ ...records, tenant, platform })
  const rows = await sql<Omit<Observable, 'spec' | 'specVersion'> & { key: string }>({
    name: 'observable',
    text: read,
    values: [tenant.id],
  })
  const places = new Map(rows.map((row) => [row.key, row]))
  return ledger.flatMap(({ key, spec, specVersion }) => {
    const place = places.get(key)
    return place === undefined ? [] : [{ ...place, spec, specVersion }]
  })
}

const read = `select r.key, coalesce(p.epoch, 1)::float8 as epoch, to_jsonb(c) as cell, to_jsonb(b) as bus,
    encode(k.wrapped, 'base64') as "wrappedKey"
  from resources r left join tenant_keys k on k.tenant_id = r.tenant_id
  left join lateral (
    select p.epoch, p.cell from placements p
    where p.tenant_id = r.tenant_id and p.environment = r.environment and r.placement in (0, p.number)
    order by p.state = 'active' desc, p.state = 'suspended' desc, p.number desc limit 1
  ) p on true
  left join cells c on c.name = case r.kind when 'topic' then p.cell else r.cell end
  left join buses b on b.name = r.cell and r.kind = 'topic'
  where r.tenant_id = $1`
