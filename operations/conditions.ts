/**
 * Condition of SQL: no other operation of the tenant waits for somebody; places of values of the tenant and of this operation.
 * What runs beside another that was interrupted must not take away what tells of it.
 */
export const noneElseWaits = (tenant: string, operation: string) =>
  `not exists (select from operations o where o.tenant_id = ${tenant} and o.id <> ${operation} and o.state = 'interrupted')`

/**
 * Statement that raises conditions of tenants, or gives those that stand a newer reason.
 * @param rows SQL that gives tenant, type, reason and message of each
 */
export function raiseConditions(rows: string): string {
  return `insert into conditions (tenant_id, type, reason, message) ${rows}
    on conflict (tenant_id, type) do update set reason = excluded.reason, message = excluded.message`
}
