import type { NewEvent } from '../domain/events.ts'
import type { ResolvedManifest } from '../domain/manifest-resolve.ts'
import { one, type Sql } from '../registry/sql.ts'
import { operationEvent } from './operation-event.ts'
import { generationInForce, operationColumns, type LockedOperation } from './rows.ts'
import type { OperationRow } from '../registry/entities/operation.ts'

/** Days of a retention such as `P30D`. Throws a TypeError for another text, which the manifest's schema lets nobody write. */
export function retentionDays(retention: string): number {
  const days = /^P(\d{1,5})D$/.exec(retention)?.[1]
  if (days === undefined) throw new TypeError(`"${retention}" is not a retention`)
  return Number(days)
}

/**
 * Has a deleted tenant purged when the retention of its manifest is over, by the database's clock: an operation that is
 * scheduled, and holds nothing until it is due.
 */
export async function schedulePurge(sql: Sql, { operation, tenant }: LockedOperation): Promise<NewEvent[]> {
  const { resolved } = await one(
    sql<{ resolved: ResolvedManifest }>({
      name: 'manifest',
      text: 'select resolved from generations where tenant_id = $1 and number = $2',
      values: [tenant.id, generationInForce(tenant)],
    }),
  )
  const scheduled = await one(
    sql<OperationRow>({
      name: 'schedule-purge',
      text: `with due as (
          update tenants set purge_after = now() + make_interval(days => $3) where id = $1 returning purge_after
        )
        insert into operations as o (tenant_id, kind, generation, state, phase, actor, reason, correlation_id, due_at)
        select $1, 'purge', $2, 'scheduled', 'scheduled', 'system:retention', $4, $5, purge_after from due
        returning ${operationColumns}`,
      values: [
        tenant.id,
        generationInForce(tenant),
        retentionDays(resolved.spec.policies.retention),
        `retention ${resolved.spec.policies.retention} after delete ${operation.id}`,
        operation.correlationId,
      ],
    }),
  )
  const data = {
    kind: scheduled.kind,
    generation: scheduled.generation,
    attempt: 1,
    dueAt: scheduled.dueAt.toISOString(),
  }
  return [operationEvent(scheduled, 'system:retention', 'TENANCY_OPERATION_ACCEPTED', data)]
}

/** Calls a purge off that is not due yet, and forgets what delete put aside. */
export async function cancelPurge(sql: Sql, { tenant }: LockedOperation): Promise<NewEvent[]> {
  const cancelled = await sql<OperationRow>({
    name: 'cancel-purge',
    text: `with kept as (
        update tenants set purge_after = null, state_before = null where id = $1
      )
      update operations o set state = 'aborted', phase = 'done', finished_at = now(), revision = revision + 1, updated_at = now()
      where tenant_id = $1 and kind = 'purge' and state = 'scheduled' returning ${operationColumns}`,
    values: [tenant.id],
  })
  return cancelled.map((operation) =>
    operationEvent(operation, 'system:retention', 'TENANCY_OPERATION_ABORTED', { kind: operation.kind }),
  )
}
