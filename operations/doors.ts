import type { NewEvent } from '../domain/events.ts'
import type { PlacementState } from '../domain/placement.ts'
import type { OperationRow } from '../registry/entities/operation.ts'
import type { Sql } from '../registry/sql.ts'
import { operationEvent } from './operation-event.ts'
import type { LockedOperation } from './rows.ts'

type Standing = { state: PlacementState; epoch: number }
/** A placement after a change, and how it was before; null when there was none. */
export type Side = Standing & { environment: string; number: number; before: Standing | null }

/** Sets or releases the latch of suspend: what ends while it is set ends suspended, and nothing is opened. */
export async function setLatch(sql: Sql, tenant: string, suspended: boolean): Promise<void> {
  await sql({
    name: 'set-latch',
    text: 'update tenants set suspended = $2, updated_at = now() where id = $1',
    values: [tenant, suspended],
  })
}

/**
 * Gives every placement of the tenant the next epoch, so that whoever comes with an earlier one is refused, and closes what was
 * active. One that is to be opened is suspended until its doors are open; one that never was stays standby.
 */
export function fencePlacements(sql: Sql, held: LockedOperation): Promise<NewEvent[]> {
  return fenceEnvironments(sql, held, null)
}

/** The same for the placements of some environments. */
export function fenceEnvironments(
  sql: Sql,
  { operation, tenant }: LockedOperation,
  environments: readonly string[] | null,
): Promise<NewEvent[]> {
  return changed(operation, () =>
    sql<Side>({
      name: 'fence-placements',
      text: `update placements set epoch = epoch + 1, updated_at = now(),
          state = case state when 'active' then 'suspended' else state end
        where tenant_id = $1 and state not in ('moved', 'released') and ($2::text[] is null or environment = any ($2))
          -- The new side of a move gets its epoch by the cut.
          and (state <> 'standby' or not exists (select from placements o where o.tenant_id = $1
            and o.environment = placements.environment and o.state in ('active', 'suspended')))
        returning ${side}`,
      values: [tenant.id, environments],
    }),
  )
}

/** Gives new placements the epoch behind that of the one before of their environment, so that it never goes back. */
export function followEpochs(sql: Sql, { operation, tenant }: LockedOperation): Promise<NewEvent[]> {
  return changed(operation, () =>
    sql<Side>({
      name: 'follow-epochs',
      text: `update placements p set epoch = o.reached + 1, updated_at = now()
        from (select environment as place, max(epoch) as reached from placements
          where tenant_id = $1 and state = 'released' group by 1) o
        where tenant_id = $1 and environment = place and state <> 'released' and epoch <= reached
        returning ${side}`,
      values: [tenant.id],
    }),
  )
}

/** Opens what is in this state, or leaves it closed while the latch is set. */
export function openPlacements(
  sql: Sql,
  { operation, tenant }: LockedOperation,
  from: 'standby' | 'suspended',
): Promise<NewEvent[]> {
  return changed(operation, () =>
    sql<Side>({
      name: 'open-placements',
      text: `update placements p set state = t.opened, updated_at = now()
        from (select case when suspended then 'suspended' else 'active' end as opened from tenants where id = $1) t
        where p.tenant_id = $1 and p.state = $2 and p.state <> t.opened
          -- The new side of a move is standby, too, and is opened by its cut alone.
          and ($2 <> 'standby' or not exists (select from placements o where o.tenant_id = p.tenant_id
            and o.environment = p.environment and o.state in ('active', 'suspended')))
        returning ${side}`,
      values: [tenant.id, from],
    }),
  )
}

const side = `environment, number, new.state, new.epoch::float8 as epoch,
  jsonb_build_object('state', old.state, 'epoch', old.epoch) as before`

async function changed(operation: LockedOperation['operation'], change: () => Promise<Side[]>): Promise<NewEvent[]> {
  return placementEvents(operation, await change())
}

/** The event of placements that were changed; none when there were none. */
export function placementEvents(
  operation: Pick<OperationRow, 'id' | 'correlationId'>,
  sides: readonly Side[],
): NewEvent[] {
  const placements = sides.toSorted((a, b) => a.environment.localeCompare(b.environment) || a.number - b.number)
  if (placements.length === 0) return []
  return [operationEvent(operation, 'system:worker', 'TENANCY_PLACEMENT_CHANGED', { placements })]
}
