import { stringify } from 'yaml'
import type { Tenant, TenantEvent } from '../api-types.ts'
import { path } from '../client.ts'
import { print, table, time } from '../output.ts'
import type { Session } from '../session.ts'

/** `get`: one tenant as a row; with `--output` the whole of it, its manifest too. */
export async function getTenant({ client, io, format }: Session, name: string): Promise<void> {
  const tenant = await client.get<Tenant>(path('tenants', name))
  print(io.stdout, format, tenant, () => rows([tenant]))
}

/** `list`: the tenants that fit all filters, over all pages unless `limit` bounds them. */
export async function listTenants(
  { client, io, format }: Session,
  {
    limit = Number.MAX_SAFE_INTEGER,
    ...filters
  }: { state?: string; profile?: string; label?: string[]; limit?: number },
): Promise<void> {
  const { items, more } = await client.list<Tenant>(path('tenants'), filters, limit)
  print(io.stdout, format, items, () => (items.length === 0 ? 'no tenants' : rows(items)))
  if (more) io.stderr.write('there are more: raise --limit\n')
}

/** `context`: the document that downstream services consume; YAML for people. */
export async function tenantContext(
  { client, io, format }: Session,
  name: string,
  { environment }: { environment?: string },
): Promise<void> {
  const context = await client.get<unknown>(path('tenants', name, 'context'), { environment })
  print(io.stdout, format, context, () => stringify(context))
}

/** `events`: the audit trail, oldest first, behind `after`. */
export async function tenantEvents(
  { client, io, format }: Session,
  name: string,
  { after, limit = 100 }: { after?: number; limit?: number },
): Promise<void> {
  const { items, more } = await client.list<TenantEvent>(path('tenants', name, 'events'), { after }, limit)
  print(io.stdout, format, items, () =>
    table(
      ['seq', 'time (utc)', 'type', 'actor', 'operation'],
      items.map((event) => [event.seq, time(event.time), event.type, actor(event.actor), event.operationId]),
    ),
  )
  const last = items.at(-1)
  if (more && last !== undefined) io.stderr.write(`there are more: --after ${last.seq}\n`)
}

function actor(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? '')
}

function rows(tenants: readonly Tenant[]): string {
  return table(
    ['tenant', 'state', 'profile', 'plan', 'region', 'environments', 'generation', 'conditions'],
    tenants.map((tenant) => [
      tenant.slug,
      tenant.state,
      tenant.profile,
      tenant.plan,
      tenant.region,
      tenant.environments.map(({ name }) => name).join(','),
      tenant.generation,
      tenant.conditions.map(({ type }) => type).join(','),
    ]),
  )
}
