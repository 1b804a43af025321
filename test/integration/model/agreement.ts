import pg from 'pg'
import { expect } from 'vitest'
import { firstBrokenLink } from '../../../crypto/hash-chain.ts'
import { sqlOf } from '../../../registry/pool.ts'
import { nothing, remainsOf, whole, type Remains } from '../../support/remains.ts'
import type { SeenTenant, World } from '../../support/world.ts'
import type { Profile } from './generate.ts'
import { stateOf, type Model } from './tenant-model.ts'

/** A tenant that a life has had, and its operations that were accepted. */
export type Incarnation = { readonly tenant: SeenTenant; readonly profile: Profile; readonly operations: string[] }

/** What the API shows of a tenant, and what it should show. */
export async function shownBy(world: World, { tenant }: Incarnation) {
  const { status, body } = await world.request('GET', `/v1/tenants/${tenant.id}`)
  if (status === 410) return { state: 'purged' }
  const { state, generation, observedGeneration, conditions } = body as unknown as SeenTenant
  return { state, generation, observedGeneration, conditions: conditions.map(({ type }) => type).toSorted() }
}
export function shownOf(model: Model) {
  const { generation, observed: observedGeneration, held } = model
  const state = stateOf(model)
  return state === 'purged'
    ? { state }
    : { state, generation, observedGeneration, conditions: held ? ['LegalHold'] : [] }
}

/** Fails unless everything in every store is as the model says, and the tenant's data is still there. */
export async function expectWorld(world: World, incarnation: Incarnation, model: Model): Promise<void> {
  const { tenant, profile } = incarnation
  const remains = await remainsOf(world, tenant)
  expect(remains).toEqual(model.base === 'purged' ? nothing : placedAs(incarnation, model))
  const number = model.placed['prod']
  if (number === undefined) return
  const inside = new pg.Client({ connectionString: databaseOf(world, incarnation) })
  await inside.connect()
  try {
    const { rows } = await inside.query(
      `select (select count(*)::int from t_${tenant.code}_prod.customers where name = 'kept') as kept,
        (select rolcanlogin from pg_roles where rolname = 't_${tenant.code}_prod_${number}_app') as login,
        (select rolconnlimit from pg_roles where rolname = 't_${tenant.code}_prod_${number}_app') as connections`,
    )
    const connections = model.wish.plan === 'pro' ? 20 : 5
    expect(rows).toEqual([{ kept: 1, login: stateOf(model) === 'active', connections }])
  } finally {
    await inside.end()
  }
  const { status } = await world.bus.administration.getSubscription(`tenant-${tenant.code}-prod`, 'all')
  expect([profile, status]).toEqual([profile, stateOf(model) === 'active' ? 'Active' : 'ReceiveDisabled'])
}

function placedAs({ tenant, profile }: Incarnation, model: Model): Remains {
  const side = stateOf(model) === 'active' ? 'active' : 'suspended'
  const all = Object.entries(model.placed).map(([name, number]) => whole(tenant, name, side, number))
  const lists = (of: keyof Remains) => all.flatMap((one) => one[of]).toSorted()
  const names = Object.keys(model.placed)
  const isOwn = profile === 'st-dedicated'
  return {
    databases: isOwn ? names.map((name) => `warehouse_${tenant.code}_${name}`).toSorted() : [],
    schemas: isOwn ? [] : lists('schemas'),
    roles: lists('roles'),
    sides: lists('sides'),
    topics: lists('topics'),
    files: (names.length === 0
      ? expect.any(Array)
      : expect.arrayContaining([expect.stringMatching(`${tenant.code}.*\\.json$`)])) as string[],
    ledger: [
      ...lists('ledger'),
      ...Object.entries(model.archives).map(([name, number]) => `${name}/${number}/archive present`),
    ].toSorted(),
    secrets: names.length === 0 ? [] : (expect.arrayContaining([expect.stringContaining(tenant.code)]) as string[]),
    deliveries: lists('deliveries'),
  }
}

/** Puts a row into the tenant's database, which has to stay as long as the tenant does. */
export async function keepSomething(world: World, incarnation: Incarnation): Promise<void> {
  const inside = new pg.Client({ connectionString: databaseOf(world, incarnation) })
  await inside.connect()
  await inside.query(
    `insert into t_${incarnation.tenant.code}_prod.customers (name, email) values ('kept', 'kept@example.com')`,
  )
  await inside.end()
}

function databaseOf(world: World, { tenant, profile }: Incarnation): string {
  const url = new URL(world.adminUrl('warehouse'))
  if (profile === 'st-dedicated') url.pathname = `/warehouse_${tenant.code}_prod`
  return url.href
}

type Body = { seq: number; data: { from?: string; to?: string } }

/**
 * Fails unless the trail is whole and tells the life: each operation was accepted once and succeeded once, and each change of
 * state begins where the one before ended.
 */
export async function expectTrail(world: World, { tenant, operations }: Incarnation, model: Model): Promise<void> {
  const rows = await sqlOf(world.deps.orm.pool)<{
    seq: number
    type: string
    operation: string | null
    body: string
    previousHash: string
    hash: string
  }>({
    text: `select seq::float8 as seq, type, operation_id as operation, body, previous_hash as "previousHash", hash
      from events where stream = $1 order by seq`,
    values: [tenant.id],
  })
  expect(firstBrokenLink(rows.map(({ body, ...link }) => ({ ...link, text: body })))).toBe(undefined)
  const of = (type: string) =>
    rows.flatMap((row) => (row.type === type && row.operation !== null ? [row.operation] : [])).toSorted(byText)
  const mine = operations.toSorted(byText)
  const scheduled = await purgesLeft(world, tenant)
  expect(of('TENANCY_OPERATION_ACCEPTED').filter((id) => !scheduled.includes(id))).toEqual(mine)
  expect(of('TENANCY_OPERATION_SUCCEEDED')).toEqual(mine)
  const changes = rows
    .filter(({ type }) => type === 'TENANCY_STATE_CHANGED')
    .map(({ body }) => (JSON.parse(body) as Body).data)
  expect(changes.map(({ from }) => from).slice(1)).toEqual(changes.map(({ to }) => to).slice(0, -1))
  expect(changes.at(-1)?.to).toBe(stateOf(model))
}

const byText = (one: string, other: string) => one.localeCompare(other)

/** Purges that a delete has scheduled: still to come, or called off by an undelete or another purge. */
async function purgesLeft(world: World, { id }: SeenTenant): Promise<string[]> {
  const rows = await sqlOf(world.deps.orm.pool)<{ id: string }>({
    text: `select id from operations where tenant_id = $1 and kind = 'purge' and state in ('scheduled', 'aborted')`,
    values: [id],
  })
  return rows.map((row) => row.id)
}
