import type { TenantDatabase } from '@freehold/sdk/database'
import { linesOfOrder } from './place-order.ts'

/** What became of operations, beside what was acknowledged. */
export type LedgerFindings = {
  /** Acknowledged, and not there. */
  readonly lost: number
  /** There more than once, or counted more often than there. */
  readonly duplicated: number
  /** There in part. */
  readonly incomplete: number
}

/** Compares what a shop holds with the references of the orders that its clients were told of. The writers rest meanwhile. */
export async function checkLedger(database: TenantDatabase, references: readonly string[]): Promise<LedgerFindings> {
  return database.transaction(async (client) => {
    const found = await client.query<{ reference: string; times: number }>(
      `select reference, count(*)::int as times from orders where reference is not null group by reference`,
    )
    const times = new Map(found.rows.map((row) => [row.reference, row.times]))
    const all = found.rows.reduce((sum, row) => sum + row.times, 0)
    const counted = await client.query<{ sold: number; incomplete: number }>(
      `with placed as (select id, state from orders where reference is not null)
        select (select sum(sold)::int from products) as sold, (select count(*)::int from placed p
          where p.state <> 'paid' or (select count(*) from order_lines l where l.order_id = p.id) <> $1
            or (select count(*) from payments y where y.order_id = p.id) <> 1
            or (select count(*) from events e where e.order_id = p.id and e.kind = 'placed') <> 1
            or (select count(*) from audit a where a.order_id = p.id) <> 1) as incomplete`,
      [linesOfOrder],
    )
    const { sold = 0, incomplete = 0 } = counted.rows[0] ?? {}
    return {
      lost: references.filter((reference) => !times.has(reference)).length,
      duplicated: all - times.size + Math.max(0, sold - all),
      incomplete: incomplete + Math.max(0, all - sold),
    }
  })
}
