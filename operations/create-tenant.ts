import pg from 'pg'
import { newCode } from '../crypto/tokens.ts'
import { FreeholdError } from '../domain/errors.ts'
import type { Platform } from '../domain/platform.ts'
import { hasOwnMasterKey } from '../isolation/strategies/by-profile.ts'
import { roomIn } from '../registry/capacity.ts'
import type { OperationRow } from '../registry/entities/operation.ts'
import { appendTo } from '../registry/events.ts'
import { newTenantKey } from '../registry/tenant-keys.ts'
import { one, type Sql } from '../registry/sql.ts'
import type { Requester } from './accept.ts'
import { judge } from './judge.ts'
import { sealedWish, type Wish } from './manifests.ts'
import { choosePlaces, takeChosen } from './places.ts'
import { operationColumns } from './rows.ts'
import { operationEvent } from './operation-event.ts'

/**
 * Accepts a tenant that does not exist: tenant, key, generation, places and the operation that provisions it. Throws
 * `policy_denied`, `slug_taken` and what `choosePlaces` throws; and `RoomTaken` when others were faster, for the
 * caller to begin again.
 */
export async function createTenant(
  sql: Sql,
  { platform, platformKey }: { platform: Platform; platformKey: Buffer },
  wish: Wish,
  requester: Requester,
): Promise<OperationRow> {
  const { spec, metadata } = wish.resolved
  const policyVersion = await judge(sql, { command: 'provision', manifest: wish.resolved })
  const code = newCode()
  const { id, ...room } = await roomIn(sql, spec.region)
  const places = await choosePlaces(sql, platform, { ...spec, code }, room)
  const { wrapped, master, sealer } = newTenantKey(platformKey, id, { isOwn: hasOwnMasterKey(spec.profile) })
  const { slug, name, labels } = metadata
  const { profile, plan, region } = spec
  const generation = 1
  const operation = await insert(sql, [
    id,
    code,
    slug,
    name,
    JSON.stringify(labels),
    id.replaceAll('-', ''),
    profile,
    plan,
    region,
    wrapped,
    ...sealedWish(sealer, generation, wish),
    JSON.stringify(places),
    requester.actor,
    requester.correlationId,
    policyVersion,
    master,
  ])
  const of = { id: operation.id, correlationId: requester.correlationId }
  const environments = places.map(({ environment }) => environment)
  const events = [
    operationEvent(of, requester.actor, 'TENANCY_TENANT_ACCEPTED', {
      slug,
      generation,
      profile,
      plan,
      region,
      environments,
      placements: places.map((place) => ({ ...place, number: 1, state: 'standby', epoch: 1, before: null })),
    }),
    operationEvent(of, requester.actor, 'TENANCY_KEY_CREATED', master === null ? {} : { masterKey: master }),
    operationEvent(of, requester.actor, 'TENANCY_OPERATION_ACCEPTED', { kind: operation.kind, generation, attempt: 1 }),
  ]
  await appendTo(sql, id, events)
  await takeChosen(sql, id, places)
  return operation
}

async function insert(sql: Sql, values: readonly unknown[]): Promise<OperationRow> {
  try {
    return await one(sql<OperationRow>({ name: 'create-tenant', text: create, values }))
  } catch (error) {
    if (!(error instanceof pg.DatabaseError && error.constraint === 'tenants_living_slug')) throw error
    const slug = String(values[2])
    throw new FreeholdError('slug_taken', `there is a tenant "${slug}" already; choose another slug`, { cause: error })
  }
}

const create = `with tenant as (
    insert into tenants (id, code, slug, name, labels, data_key, profile, plan, region)
    values ($1, $2, $3, $4, $5::jsonb, $6::ltree, $7, $8, $9)
  ), key as (
    insert into tenant_keys (tenant_id, wrapped, master) values ($1, $10, $19)
  ), generation as (
    insert into generations (tenant_id, number, resolved, raw, contacts, wish_hash) values ($1, 1, $11::jsonb, $12, $13, $14)
  ), places as (
    insert into placements (tenant_id, environment, number, profile, cell, bus, segment, server_secret)
    select $1, p.environment, 1, $7, p.cell, p.bus, p.segment, p.server ->> 'secret'
    from jsonb_to_recordset($15::jsonb) as p (environment text, cell text, bus text, segment cidr, server jsonb)
  )
  insert into operations as o (tenant_id, kind, generation, actor, correlation_id, policy_version)
  values ($1, 'provision', 1, $16, $17, $18) returning ${operationColumns}`
