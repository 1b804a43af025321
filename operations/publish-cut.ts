import type pg from 'pg'
import { transaction } from '../registry/pool.ts'
import type { RelocationRow } from '../registry/entities/relocation.ts'
import { appendTo } from '../registry/events.ts'
import type { Sql } from '../registry/sql.ts'
import { placementEvents, type Side } from './doors.ts'

/** Which side serves, and how it stands, by the word of its database. */
export type Serving = { readonly number: number; readonly state: string; readonly epoch: number }

/**
 * F4 of a cut: the registry says where the tenant is, unless it knows of a later epoch. A side that serves again may serve still
 * for all that it knows: the cut away from there was undone before it was told. The latch of suspend holds. Watchers of the context
 * are told by it. Telling it twice is telling it once.
 */
export function publishCut(
  pool: pg.Pool,
  operation: { id: string; correlationId: string },
  { tenant, environment, source, target }: Pick<RelocationRow, 'tenant' | 'environment' | 'source' | 'target'>,
  serving: Serving,
): Promise<void> {
  return transaction(pool, async (sql) => {
    await sql({ name: 'lock-for-cut', text: 'select from tenants where id = $1 for no key update', values: [tenant] })
    const left = serving.number === source ? target : source
    const sides = await sql<Side>({
      name: 'publish-cut',
      text: `update placements p set epoch = $5, updated_at = now(),
          state = case when p.number = $4 then 'moved' when $6 = 'suspended' or t.suspended then 'suspended' else 'active' end
        from tenants t
        where t.id = $1 and p.tenant_id = $1 and p.environment = $2 and p.number in ($3, $4)
          and exists (select from placements s where s.tenant_id = $1 and s.environment = $2 and s.number = $3
            and s.state <> 'released' and (s.epoch < $5 or (s.epoch = $5 and s.state not in ('active', 'suspended'))))
        returning p.environment, p.number, new.state, new.epoch::float8 as epoch,
          jsonb_build_object('state', old.state, 'epoch', old.epoch) as before`,
      values: [tenant, environment, serving.number, left, serving.epoch, serving.state],
    })
    const events = placementEvents(operation, sides)
    if (events.length > 0) await appendTo(sql, tenant, events)
  })
}

/** Whether the latch of suspend is set, as it is just now. */
export async function isSuspended(sql: Sql, tenant: string): Promise<boolean> {
  const [row] = await sql<{ suspended: boolean }>({
    name: 'is-suspended',
    text: 'select suspended from tenants where id = $1',
    values: [tenant],
  })
  return row?.suspended ?? true
}

/** The highest epoch that the registry has of the two placements of a move. */
export async function highestEpoch(
  sql: Sql,
  { tenant, environment, source, target }: Pick<RelocationRow, 'tenant' | 'environment' | 'source' | 'target'>,
): Promise<number> {
  const [row] = await sql<{ epoch: number }>({
    name: 'highest-epoch',
    text: `select max(epoch)::float8 as epoch from placements where tenant_id = $1 and environment = $2 and number in ($3, $4)`,
    values: [tenant, environment, source, target],
  })
  return row?.epoch ?? 0
}
