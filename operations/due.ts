import type pg from 'pg'
import { FreeholdError } from '../domain/errors.ts'
import type { OperationRow } from '../registry/entities/operation.ts'
import { eventsJson } from '../registry/events.ts'
import { sqlOf, transaction } from '../registry/pool.ts'
import type { Sql } from '../registry/sql.ts'
import { assertMayStart } from './accept.ts'
import { judgeTenant } from './judge.ts'
import { kindOf } from './kinds/index.ts'
import { noteDenial } from './note-denial.ts'
import { operationEvent } from './operation-event.ts'
import { generationInForce, lockOperation, type LockedOperation } from './rows.ts'

/** What stands in the way of an operation that is due, and passes: it is looked at again. */
const passes = ['operation_in_progress', 'transition_not_allowed', 'legal_hold']

/**
 * Accepts scheduled operations whose time has come, by the database's clock; from then on they hold their tenants. One whose
 * tenant is held by another, or in a state that does not allow it, stays scheduled and is looked at again; and so does one
 * that the policy denies, which is told once.
 * @param limit how many are looked at at a time
 * @returns how many were accepted
 */
export async function acceptDue(pool: pg.Pool, limit = 20): Promise<number> {
  let accepted = 0
  let failed: PromiseRejectedResult | undefined
  for (let last: Due | undefined; ;) {
    const due = await sqlOf(pool)<Due>({
      name: 'due',
      // As text, for a date of JavaScript has no microseconds.
      text: `select id, due_at::text as "dueAt" from operations where state = 'scheduled' and due_at <= now()
        and ($2::uuid is null or (due_at, id) > ($3::timestamptz, $2::uuid)) order by due_at, id limit $1`,
      values: [limit, last?.id ?? null, last?.dueAt ?? null],
    })
    const ends = await Promise.allSettled(due.map(({ id }) => acceptOne(pool, id)))
    accepted += ends.filter((end) => end.status === 'fulfilled' && end.value).length
    failed ??= ends.find((end) => end.status === 'rejected' && !mayPass(end.reason)) as typeof failed
    last = due.at(-1)
    if (last === undefined || due.length < limit) break
  }
  if (failed !== undefined) throw failed.reason
  return accepted
}

type Due = { id: string; dueAt: string }

function mayPass(error: unknown): boolean {
  return error instanceof FreeholdError && passes.includes(error.code)
}

/** Whether it was accepted; one whose tenant is gone meanwhile ends as aborted. */
function acceptOne(pool: pg.Pool, id: string): Promise<boolean> {
  return transaction(pool, async (sql) => {
    const { operation, tenant } = await lockOperation(sql, id)
    if (operation.state !== 'scheduled') return false
    if (tenant.state === 'purged') {
      await sql({
        text: `with aborted as (
            update operations set state = 'aborted', finished_at = now(), revision = revision + 1 where id = $1
          )
          select append_events($2::uuid::text, $3::jsonb)`,
        values: [id, tenant.id, said(operation, 'TENANCY_OPERATION_ABORTED')],
      })
      return false
    }
    await assertMayStart(sql, operation.kind, tenant)
    const policyVersion = await allowedBy(sql, { operation, tenant })
    if (policyVersion === undefined) return false
    await kindOf(operation.kind).accepted?.(sql, tenant)
    await sql({
      text: `with due as (
          update operations set state = 'accepted', phase = 'accepted', generation = $2, policy_version = $3, error = null,
            revision = revision + 1, updated_at = now() where id = $1
        )
        select append_events($4::uuid::text, $5::jsonb)`,
      values: [id, generationInForce(tenant), policyVersion, tenant.id, said(operation, 'TENANCY_OPERATION_DUE')],
    })
    return true
  })
}

function said(operation: OperationRow, type: 'TENANCY_OPERATION_DUE' | 'TENANCY_OPERATION_ABORTED'): string {
  return eventsJson([operationEvent(operation, 'system:sweep', type, { kind: operation.kind })])
}

/** The version of the policy that lets the operation go on; undefined when it denies it, which is told. */
async function allowedBy(sql: Sql, held: LockedOperation): Promise<number | undefined> {
  const { operation, tenant } = held
  try {
    return await judgeTenant(sql, operation.kind, { id: tenant.id, generation: generationInForce(tenant) })
  } catch (error) {
    if (!(error instanceof FreeholdError && error.code === 'policy_denied')) throw error
    await noteDenial(sql, operation, error)
    return undefined
  }
}
