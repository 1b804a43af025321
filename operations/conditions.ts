/**
 * Statement that raises conditions of tenants, or gives those that stand a newer reason.
 * @param rows SQL that gives tenant, type, reason and message of each
 */
export function raiseConditions(rows: string): string {
  return `insert into conditions (tenant_id, type, reason, message) ${rows}
    on conflict (tenant_id, type) do update set reason = excluded.reason, message = excluded.message`
}
