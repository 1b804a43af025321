import { join } from 'node:path'
import type { Client } from '@freehold/sdk'
import { createTenantDatabase } from '@freehold/sdk/database'
import { moverPassword } from '../crypto/envelope.ts'
import { fillShop } from '../examples/shop/fill.ts'
import { moverRole } from '../isolation/mappers/database/mover-needs.ts'
import type { Move, MoveEnd } from '../isolation/move/end.ts'
import { sqlOf } from '../registry/pool.ts'
import type { RelocationRow } from '../registry/entities/relocation.ts'
import { findPlaced, findRelocation } from '../registry/relocations.ts'
import type { Stack } from './stack.ts'

export const shopSchemas = join(import.meta.dirname, '../examples/shop/schemas')

/** A shop of so many megabytes in the shared database. */
export async function openShop(stack: Stack, client: Client, slug: string, megabytes: number) {
  const { operation, tenant } = await client.applyTenant(slug, {
    apiVersion: 'freehold.dev/v1alpha1',
    kind: 'Tenant',
    metadata: { slug, name: slug },
    spec: { plan: 'pro', region: 'eu-north' },
  })
  await succeeded(client, operation?.id ?? '')
  const api = { url: stack.api.url, apiKey: stack.api.key }
  const database = createTenantDatabase({ api, tenant: slug, connectionsPerTenant: 12 })
  return { slug, id: tenant.id, database, bytes: await fillShop(database, megabytes) }
}
export type Shop = Awaited<ReturnType<typeof openShop>>

/** Moves a shop to a database of its own through the API. Gives the move as the registry has it. */
export async function relocate(stack: Stack, client: Client, shop: Shop, limits: { throttle?: number } = {}) {
  const body = { target: { profile: 'st-dedicated' }, ...limits }
  const params = { path: { idOrSlug: shop.slug } }
  const { data } = await client.api.POST('/v1/tenants/{idOrSlug}/relocations', { params, body })
  await succeeded(client, data?.operation.id ?? '')
  return findRelocation(sqlOf(stack.deps.orm.pool), shop.id, data?.relocation.id ?? '')
}

export async function rollBack(client: Client, { slug }: Shop, relocation: string): Promise<void> {
  const params = { path: { idOrSlug: slug, relocation } }
  const { data } = await client.api.POST('/v1/tenants/{idOrSlug}/relocations/{relocation}/rollback', { params })
  await succeeded(client, data?.operation.id ?? '')
}

async function succeeded(client: Client, operation: string): Promise<void> {
  const { kind, state, error } = await client.waitForOperation(operation)
  if (state !== 'succeeded') throw new Error(`${kind} is ${state}: ${error?.message ?? ''}`)
}

/** Both ends of a move, as its activities reach them. */
export async function moveOf({ deps, environment }: Stack, relocation: RelocationRow): Promise<Move> {
  const end = async (number: number): Promise<MoveEnd> => {
    const { tenant, environment: name } = relocation
    const { spec } = await findPlaced(sqlOf(deps.orm.pool), tenant, { environment: name, number, kind: 'database' })
    if (spec.kind !== 'database') throw new Error(`${spec.key} is no database`)
    const { schema, ownerRole, appRole, ownDatabase } = spec.properties
    const url = new URL(environment['FREEHOLD_WAREHOUSE_URL'] ?? '')
    if (ownDatabase !== null) url.pathname = `/${ownDatabase}`
    const role = moverRole(url.username)
    const mover = Object.assign(new URL(url), { username: role, password: moverPassword(deps.platformKey, role) })
    return { number, names: { schema, ownerRole, appRole }, moverUrl: mover.href, provisionerUrl: url.href }
  }
  return {
    id: relocation.id.replaceAll('-', ''),
    tenantId: relocation.tenant,
    environment: relocation.environment,
    source: await end(relocation.source),
    target: await end(relocation.target),
  }
}
