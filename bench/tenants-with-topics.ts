import type { ServiceBusAdministrationClient } from '@azure/service-bus'
import { openDelivery } from '../registry/deliveries.ts'
import { appendEvents } from '../registry/events.ts'
import type { Orm } from '../registry/orm.ts'
import { sqlOf } from '../registry/pool.ts'
import { one } from '../registry/sql.ts'

/** A tenant as the relay sees it: a stream, and a topic of its environment `prod`. */
export type TenantWithTopic = { id: string; topic: string }

/**
 * Writes active tenants straight into a registry, without anything in the world but their topics on the bus, each with
 * the subscription `all`. Their streams are empty.
 */
export async function seedTenants(
  orm: Orm,
  administration: ServiceBusAdministrationClient,
  { count, bus }: { count: number; bus: string },
): Promise<TenantWithTopic[]> {
  const em = orm.em.fork()
  await em.execute(
    `insert into cells (name, region, state, capacity, declaration, database)
     values ('cell', 'eu', 'open', 100000, '{}', '{}') on conflict do nothing`,
  )
  const tenants = await em.execute<TenantWithTopic[]>(
    `with made as (
       insert into tenants (code, slug, name, data_key, profile, plan, region, state)
       select code, 's-' || code, code, 'acme', 'mt-standard', 'pro', 'eu', 'active'
       from (select substr(md5(random()::text), 1, 8) as code from generate_series(1, ?)) codes returning id, code
     ), placed as (
       insert into placements (tenant_id, environment, number, profile, cell, bus, state)
       select id, 'prod', 1, 'mt-standard', 'cell', ?, 'active' from made
     ), ran as (
       insert into operations (tenant_id, kind, generation, state, actor, correlation_id)
       select id, 'provision', 1, 'succeeded', 'key:seed', 'seed' from made returning id, tenant_id
     ), held as (
       insert into resources (tenant_id, placement, key, kind, environment, cell, name, spec, state, created_by)
       select m.id, 0, 'prod/topic', 'topic', 'prod', ?, 'tenant-' || m.code || '-prod', '{}', 'present', ran.id
       from made m join ran on ran.tenant_id = m.id
     )
     select id, 'tenant-' || code || '-prod' as topic from made`,
    [count, bus, bus],
  )
  for (const { topic } of tenants) {
    await administration.createTopic(topic, { requiresDuplicateDetection: true })
    await administration.createSubscription(topic, 'all')
  }
  return tenants
}

/** Appends events to the stream of a tenant in one transaction, about as large as those of an operation. */
export async function appendSome(orm: Orm, tenant: string, count: number): Promise<void> {
  const data = { key: 'prod/database', name: 't_ab12cd34_prod', cell: 'eu-north-1', environment: 'prod' }
  await orm.em.fork().transactional(async (em) =>
    appendEvents(
      em,
      tenant,
      Array.from({ length: count }, () => ({
        type: 'TENANCY_RESOURCE_CREATED' as const,
        actor: 'system:worker' as const,
        correlationId: 'seed',
        data,
      })),
    ),
  )
}

/** Has the topic of a tenant receive its events. */
export async function openTopic(orm: Orm, tenant: string): Promise<void> {
  const sql = sqlOf(orm.pool)
  const text = `select key, cell from resources where tenant_id = $1 and kind = 'topic'`
  await openDelivery(sql, {
    tenantId: tenant,
    spec: await one(sql<{ key: string; cell: string }>({ text, values: [tenant] })),
  })
}
