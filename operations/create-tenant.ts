import pg from 'pg'
import { canonicalText } from '../crypto/hash-chain.ts'
import { newCode } from '../crypto/tokens.ts'
import { FreeholdError } from '../domain/errors.ts'
import type { Contact, ResolvedManifest } from '../domain/manifest-resolve.ts'
import type { Manifest } from '../domain/manifest.ts'
import type { Platform } from '../domain/platform.ts'
import { choosePlace, roomIn, takePlaces, type Room } from '../registry/capacity.ts'
import type { OperationRow } from '../registry/entities/operation.ts'
import { eventsJson } from '../registry/events.ts'
import { newTenantKey, type Sealer } from '../registry/tenant-keys.ts'
import { freeSegment } from '../registry/segments.ts'
import { one, type Sql } from '../registry/sql.ts'
import type { Requester } from './accept.ts'
import { judge } from './judge.ts'
import { operationColumns } from './rows.ts'
import { operationEvent } from './operation-event.ts'

/** A manifest as it was given, and as it is going to be in force. */
export type Wish = {
  readonly manifest: Manifest
  readonly text: string
  readonly resolved: ResolvedManifest
  readonly contacts: readonly Contact[]
}

type Place = { environment: string; cell: string; bus: string | null; segment: string | null }

/**
 * Accepts a tenant that does not exist: tenant, key, generation, places and the operation that provisions it. Throws
 * `policy_denied`, `slug_taken`, `cell_exhausted`, `bus_exhausted` and `network_exhausted`; and `RoomTaken` when others were faster, for the
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
  const places = await choosePlaces(sql, platform, wish.resolved, { code, ...room })
  const { wrapped, sealer } = newTenantKey(platformKey, id)
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
    JSON.stringify(wish.resolved),
    sealer.seal('fields', `generations/${generation}/raw`, wish.text),
    sealer.seal('fields', `generations/${generation}/contacts`, JSON.stringify(wish.contacts)),
    wishHash(sealer, wish.manifest),
    JSON.stringify(places),
    requester.actor,
    requester.correlationId,
    policyVersion,
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
    }),
    operationEvent(of, requester.actor, 'TENANCY_KEY_CREATED', {}),
    operationEvent(of, requester.actor, 'TENANCY_OPERATION_ACCEPTED', { kind: operation.kind, generation, attempt: 1 }),
  ]
  await sql({
    name: 'append-events',
    text: 'select append_events($1::uuid::text, $2::jsonb)',
    values: [id, eventsJson(events)],
  })
  const cells = places.map(({ cell }) => cell)
  const buses = places.flatMap(({ bus }) => (bus === null ? [] : [bus]))
  if (!(await takePlaces(sql, { cells, buses }))) throw new RoomTaken()
  return operation
}

/** Others took the room that was chosen; the transaction is to be rolled back and begun again. */
export class RoomTaken extends FreeholdError {
  constructor() {
    super('cell_exhausted', 'the room that was chosen was taken by others meanwhile; send the manifest again')
  }
}

/** What tells one wish from another, whatever today's rules say of either. */
export function wishHash(sealer: Sealer, manifest: Manifest): string {
  return sealer.hash(canonicalText(JSON.parse(JSON.stringify(manifest))))
}

async function choosePlaces(
  sql: Sql,
  platform: Platform,
  { spec }: ResolvedManifest,
  { code, cells, buses }: { code: string; cells: Room[]; buses: Room[] },
): Promise<Place[]> {
  const { profile, region } = spec
  const pool = platform.regions.find(({ name }) => name === region)?.network
  const places: Place[] = []
  for (const environment of spec.environments.map(({ name }) => name).toSorted()) {
    const wanted = { tenantCode: code, region, profile, environment }
    const cell = choosePlace('cells', cells, wanted)
    const bus = platform.buses.length === 0 ? null : choosePlace('buses', buses, wanted)
    const but = places.flatMap(({ segment }) => (segment === null ? [] : [segment]))
    const segment =
      pool === undefined ? null : await freeSegment(sql, { region, pool, seed: `${code}/${environment}`, but })
    places.push({ environment, cell, bus, segment })
  }
  return places
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
    insert into tenant_keys (tenant_id, wrapped) values ($1, $10)
  ), generation as (
    insert into generations (tenant_id, number, resolved, raw, contacts, wish_hash) values ($1, 1, $11::jsonb, $12, $13, $14)
  ), places as (
    insert into placements (tenant_id, environment, number, profile, cell, bus, segment)
    select $1, p.environment, 1, $7, p.cell, p.bus, p.segment
    from jsonb_to_recordset($15::jsonb) as p (environment text, cell text, bus text, segment cidr)
  )
  insert into operations as o (tenant_id, kind, generation, actor, correlation_id, policy_version)
  values ($1, 'provision', 1, $16, $17, $18) returning ${operationColumns}`
