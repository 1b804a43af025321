import type pg from 'pg'
import { FreeholdError } from '../domain/errors.ts'
import { assertTransition, lifecycle } from '../domain/lifecycle.ts'
import { sqlOf, transaction } from '../registry/pool.ts'
import { refuseWhileHeld } from './accept.ts'
import { lockOperation } from './rows.ts'

/** What stands in the way of an operation that is due, and passes: it is looked at again. */
const passes = ['operation_in_progress', 'transition_not_allowed']

/**
 * Accepts scheduled operations whose time has come, by the database's clock; from then on they hold their tenants. One whose
 * tenant is held by another, or in a state that does not allow it, stays scheduled and is looked at again.
 * @returns how many were accepted
 */
export async function acceptDue(pool: pg.Pool, limit: number): Promise<number> {
  const due = await sqlOf(pool)<{ id: string }>({
    name: 'due',
    text: `select id from operations where state = 'scheduled' and due_at <= now() order by due_at limit $1`,
    values: [limit],
  })
  const ends = await Promise.allSettled(due.map(({ id }) => acceptOne(pool, id)))
  const failed = ends.find((end) => end.status === 'rejected' && !mayPass(end.reason))
  if (failed?.status === 'rejected') throw failed.reason
  return ends.filter((end) => end.status === 'fulfilled' && end.value).length
}

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
        text: `update operations set state = 'aborted', finished_at = now(), revision = revision + 1 where id = $1`,
        values: [id],
      })
      return false
    }
    if (lifecycle[operation.kind].exclusive) await refuseWhileHeld(sql, tenant)
    assertTransition(operation.kind, tenant.state)
    await sql({
      text: `update operations set state = 'accepted', phase = 'accepted', generation = $2, revision = revision + 1,
        updated_at = now() where id = $1`,
      values: [id, tenant.generation],
    })
    return true
  })
}
