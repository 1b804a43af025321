import type { PlacementState } from '../domain/placement.ts'
import type { OperationKind, OperationState } from '../domain/operation.ts'
import type { TenantRow } from './entities/tenant.ts'
import { isoText, type Sql } from './sql.ts'

/** A tenant with what is told of it everywhere: where it lives, why it is as it is, and its newest operation. */
export type TenantSummary = TenantRow & {
  placements: { environment: string; number: number; cell: string; state: PlacementState; epoch: number }[]
  conditions: { type: string; reason: string; message: string; since: string }[]
  newest: { id: string; kind: OperationKind; state: OperationState } | null
}

/** Summaries of tenants, read by one statement; in the order of the ids. */
export async function tenantSummaries(sql: Sql, ids: readonly string[]): Promise<TenantSummary[]> {
  if (ids.length === 0) return []
  return sql<TenantSummary>({ name: 'tenant-summaries', text: summaries, values: [ids] })
}

const summaries = `
  select t.id, t.code, t.slug, t.name, t.labels, t.data_key as "dataKey", t.profile, t.plan, t.region, t.state, t.suspended,
    t.state_before as "stateBefore", t.purge_after as "purgeAfter", t.generation, t.observed_generation as "observedGeneration",
    t.created_at as "createdAt", t.updated_at as "updatedAt",
    (select coalesce(jsonb_agg(jsonb_build_object('environment', p.environment, 'number', p.number, 'cell', p.cell,
        'state', p.state, 'epoch', p.epoch) order by p.environment, p.number), '[]')
      from placements p where p.tenant_id = t.id and p.state <> 'released') as placements,
    (select coalesce(jsonb_agg(jsonb_build_object('type', c.type, 'reason', c.reason, 'message', c.message,
        'since', ${isoText('c.since')}) order by c.type), '[]')
      from conditions c where c.tenant_id = t.id) as conditions,
    (select jsonb_build_object('id', o.id, 'kind', o.kind, 'state', o.state)
      from operations o where o.tenant_id = t.id order by o.id desc limit 1) as newest
  from unnest($1::uuid[]) with ordinality as w (id, place) join tenants t on t.id = w.id order by w.place`
