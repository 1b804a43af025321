import type pg from 'pg'
import type { OperationRow } from '../registry/entities/operation.ts'
import { appendTo } from '../registry/events.ts'
import { transaction } from '../registry/pool.ts'
import type { Sql } from '../registry/sql.ts'
import { noneElseWaits, raiseConditions } from './conditions.ts'
import { lockOperation } from './rows.ts'
import { operationEvent } from './operation-event.ts'

type Seen = Pick<OperationRow, 'id' | 'attempt' | 'state'>

/**
 * Marks an operation interrupted whose workflow ended without an outcome, unless it was settled or taken up anew since it
 * was seen.
 * @returns whether it did
 */
export function interruptOperation(pool: pg.Pool, seen: Seen, standing: 'closed' | 'missing'): Promise<boolean> {
  return transaction(pool, async (sql) => {
    const { operation, tenant } = await lockOperation(sql, seen.id)
    if (operation.attempt !== seen.attempt || operation.state !== seen.state) return false
    const found = standing === 'closed' ? 'closed' : 'gone'
    const message = `the workflow of ${operation.kind} is ${found} without an outcome; retry or abort it`
    await sql({
      text: `with interrupted as (
          update operations set state = 'interrupted', error = $3::jsonb, revision = revision + 1, updated_at = now() where id = $1
        )
        ${raiseConditions(`values ($2::uuid, 'NeedsAttention', 'interrupted', $3::jsonb ->> 'message')`)}`,
      values: [operation.id, tenant.id, JSON.stringify({ code: 'workflow_lost', message })],
    })
    await appendSweepEvent(sql, operation, 'TENANCY_OPERATION_INTERRUPTED', { kind: operation.kind, standing })
    return true
  })
}

/**
 * A workflow that was reset from outside runs again: its operation is interrupted no longer.
 * @returns whether it was
 */
export function resumeOperation(pool: pg.Pool, seen: Seen): Promise<boolean> {
  return transaction(pool, async (sql) => {
    const { operation, tenant } = await lockOperation(sql, seen.id)
    if (operation.attempt !== seen.attempt || operation.state !== 'interrupted') return false
    await sql({
      text: `with resumed as (
          update operations set state = 'running', error = null, revision = revision + 1, updated_at = now() where id = $1
        )
        delete from conditions where tenant_id = $2 and type = 'NeedsAttention' and ${noneElseWaits('$2', '$1')}`,
      values: [operation.id, tenant.id],
    })
    await appendSweepEvent(sql, operation, 'TENANCY_OPERATION_STARTED', {
      kind: operation.kind,
      attempt: operation.attempt,
    })
    return true
  })
}

async function appendSweepEvent(
  sql: Sql,
  operation: OperationRow,
  type: 'TENANCY_OPERATION_INTERRUPTED' | 'TENANCY_OPERATION_STARTED',
  data: { kind: string; standing?: string; attempt?: number },
): Promise<void> {
  await appendTo(sql, operation.tenant, [operationEvent(operation, 'system:sweep', type, data)])
}
