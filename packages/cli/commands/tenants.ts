import { stringify } from 'yaml'
import type { Event, Tenant, TenantState } from '@freehold/sdk'
import type { Io } from '../io.ts'
import { listTable, print, time } from '../output.ts'
import type { Session } from '../session.ts'
import { plain } from '../text.ts'

/** `get`: one tenant as a row; with `--output` the whole of it, its manifest too. */
export async function getTenant({ client, io, format }: Session, name: string): Promise<void> {
  const tenant = await client.getTenant(name)
  print(io.stdout, format, tenant, () => rows(io, [tenant]))
}

/** `list`: the tenants that fit all filters, over all pages unless `limit` bounds them. */
export async function listTenants(
  { client, io, format }: Session,
  filters: { state?: TenantState; profile?: string; label?: string[]; limit?: number },
): Promise<void> {
  const { items, more } = await client.listTenants(filters)
  const { limit: _, ...asked } = filters
  const none = Object.keys(asked).length === 0 ? 'no tenants' : 'no tenant matches'
  print(io.stdout, format, items, () => (items.length === 0 ? none : rows(io, items)))
  if (more) io.stderr.write('there are more: raise --limit\n')
}

/** `context`: the document that downstream services consume; YAML for people. */
export async function tenantContext(
  { client, io, format }: Session,
  name: string,
  { environment }: { environment?: string },
): Promise<void> {
  const context = await client.getTenantContext(name, environment)
  print(io.stdout, format, context, () => stringify(context))
}

/** `events`: the audit trail, oldest first, behind `after`. */
export async function tenantEvents(
  { client, io, format }: Session,
  name: string,
  { after, limit = 100 }: { after?: number; limit?: number },
): Promise<void> {
  const { items, more } = await client.listTenantEvents(name, { limit, ...(after === undefined ? {} : { after }) })
  print(io.stdout, format, items, () =>
    listTable(
      io.stdout,
      ['seq', 'type', 'what', 'time (utc)', 'actor', 'operation'],
      items.map((event) => [event.seq, event.type, what(event), time(event.time), event.actor, event.operationId]),
    ),
  )
  const last = items.at(-1)
  if (more && last !== undefined) io.stderr.write(`there are more: --after ${plain(String(last.seq))}\n`)
}

/** The facts that tell an event from others of its type. */
function what({
  data: { slug, key, kind, from, to, environment, kinds, version, result, error, attempt },
}: Event): string {
  const about =
    slug ?? key ?? kind ?? (typeof from === 'string' && typeof to === 'string' ? `${from} → ${to}` : environment)
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  const again = Number(attempt) > 1 ? `attempt ${String(attempt)}` : undefined
  const facts = [about, version, result, code, again, ...(Array.isArray(kinds) ? kinds : [])]
  return facts.filter((fact) => typeof fact === 'string').join(', ')
}

function rows({ stdout }: Io, tenants: readonly Tenant[]): string {
  return listTable(
    stdout,
    ['tenant', 'state', 'conditions', 'plan', 'region', 'environments', 'profile', 'generation'],
    tenants.map((tenant) => [
      tenant.slug,
      tenant.state,
      tenant.conditions.map(({ type }) => type).join(','),
      tenant.plan,
      tenant.region,
      tenant.environments.map(({ name }) => name).join(','),
      tenant.profile,
      tenant.generation,
    ]),
  )
}
