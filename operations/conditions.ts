/**
 * Condition of SQL: no other operation of the tenant waits for somebody, nor has left anything that no later one brought to its
 * end; places of values of the tenant and of this operation. What goes well elsewhere must not take away what tells of it.
 */
export const noneElseWaits = (tenant: string, operation: string) =>
  `not exists (select from operations o where o.tenant_id = ${tenant} and o.id <> ${operation} and (o.state = 'interrupted'
    or o.state in ('failed', 'aborted') and exists (
      select from jsonb_array_elements_text(o.error -> 'unresolved') as unresolved (key) where not exists (
        select from operations l, jsonb_array_elements(l.steps) s
        where l.tenant_id = o.tenant_id and (l.state = 'succeeded' or l.id = ${operation})
          and coalesce(l.finished_at, now()) >= o.finished_at and s ->> 'state' in ('done', 'undone')
          and s ->> 'resource' = regexp_replace(unresolved.key, '/(thaw|freeze)$', '')
          -- A door that is closed, or open again, is no end of anything else.
          and (s ->> 'action' not in ('freeze', 'thaw') or unresolved.key ~ '/(thaw|freeze)$')))))`

/**
 * Statement that raises conditions of tenants, or gives those that stand a newer reason.
 * @param rows SQL that gives tenant, type, reason and message of each
 */
export function raiseConditions(rows: string): string {
  return `insert into conditions (tenant_id, type, reason, message) ${rows}
    on conflict (tenant_id, type) do update set reason = excluded.reason, message = excluded.message`
}
