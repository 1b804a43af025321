import { stringify } from 'yaml'
import type { Answers, Tenant, TenantContext } from '../api-types.ts'
import type { Io } from '../io.ts'
import { listTable, print, time } from '../output.ts'
import { path } from '../paths.ts'
import type { Session } from '../session.ts'

/** `get`: one tenant as a row; with `--output` the whole of it, its manifest too. */
export async function getTenant({ client, io, format }: Session, name: string): Promise<void> {
  const tenant = await client.get<Tenant>(path('tenants', name))
  print(io.stdout, format, tenant, () => rows(io, [tenant]))
}

/** `list`: the tenants that fit all filters, over all pages unless `limit` bounds them. */
export async function listTenants(
  { client, io, format }: Session,
  {
    limit = Number.MAX_SAFE_INTEGER,
    ...filters
  }: { state?: string; profile?: string; label?: string[]; limit?: number },
): Promise<void> {
  const { items, more } = await client.list<Answers['GET /v1/tenants']['200']>(path('tenants'), filters, limit)
  print(io.stdout, format, items, () => (items.length === 0 ? 'no tenants' : rows(io, items)))
  if (more) io.stderr.write('there are more: raise --limit\n')
}

/** `context`: the document that downstream services consume; YAML for people. */
export async function tenantContext(
  { client, io, format }: Session,
  name: string,
  { environment }: { environment?: string },
): Promise<void> {
  const context = await client.get<TenantContext>(path('tenants', name, 'context'), { environment })
  print(io.stdout, format, context, () => stringify(context))
}

/** `events`: the audit trail, oldest first, behind `after`. */
export async function tenantEvents(
  { client, io, format }: Session,
  name: string,
  { after, limit = 100 }: { after?: number; limit?: number },
): Promise<void> {
  const to = path('tenants', name, 'events')
  const { items, more } = await client.list<Answers['GET /v1/tenants/{idOrSlug}/events']['200']>(to, { after }, limit)
  print(io.stdout, format, items, () =>
    listTable(
      io.stdout,
      ['seq', 'type', 'time (utc)', 'actor', 'operation'],
      items.map((event) => [event.seq, event.type, time(event.time), event.actor, event.operationId]),
    ),
  )
  const last = items.at(-1)
  if (more && last !== undefined) io.stderr.write(`there are more: --after ${last.seq}\n`)
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
