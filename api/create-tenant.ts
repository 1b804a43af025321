import { UniqueConstraintViolationException } from '@mikro-orm/core'
import { canonicalText } from '../crypto/hash-chain.ts'
import { newCode } from '../crypto/tokens.ts'
import { FreeholdError } from '../domain/errors.ts'
import { readManifest } from '../domain/manifest-read.ts'
import { resolveManifest } from '../domain/manifest-resolve.ts'
import type { Manifest } from '../domain/manifest.ts'
import { lockCapacity, takeBus, takeCell } from '../registry/capacity.ts'
import { Operation } from '../registry/entities/operation.ts'
import { Placement } from '../registry/entities/placement.ts'
import { Generation, Tenant, type TenantRow } from '../registry/entities/tenant.ts'
import { appendEvents } from '../registry/events.ts'
import { createTenantKey, sealerFor } from '../registry/keys.ts'
import type { EntityManager } from '../registry/orm.ts'
import { freeSegment } from '../registry/segments.ts'
import { readGeneration } from '../registry/tenants.ts'
import type { Accepted, Call } from './command.ts'
import type { ApiDeps } from './deps.ts'
import { operationView, tenantViews, type OperationView, type TenantView } from './views.ts'

type Wish = { readonly manifest: Manifest; readonly text: string }
type Created = { tenant: TenantView; operation: OperationView }

/**
 * Accepts a manifest of a tenant that does not exist: tenant, key, generation, places in cells and the operation that
 * provisions it. Throws what `resolveManifest` throws, `slug_taken`, `cell_exhausted`, `bus_exhausted`
 * and `network_exhausted`.
 */
export async function createTenant(
  em: EntityManager,
  deps: ApiDeps,
  call: Call,
  wish: Wish,
): Promise<Accepted<Created>> {
  const { resolved, contacts } = resolveManifest(wish.manifest, deps.platform, await deps.migrations.versions())
  const tenant = await insertTenant(em, resolved.metadata, resolved.spec)
  await createTenantKey(em, deps.platformKey, tenant.id)
  const sealer = await sealerFor(em, deps.platformKey, tenant.id)
  const place = `generations/${tenant.generation}`
  em.create(Generation, {
    tenant: tenant.id,
    number: tenant.generation,
    resolved,
    raw: sealer.seal('fields', `${place}/raw`, wish.text),
    contacts: sealer.seal('fields', `${place}/contacts`, JSON.stringify(contacts)),
  })
  const { profile, plan, region } = resolved.spec
  const environments = resolved.spec.environments.map(({ name }) => name).toSorted()
  if (environments.length > 1) await lockCapacity(em, region)
  const pool = deps.platform.regions.find(({ name }) => name === region)?.network
  for (const environment of environments) {
    const wanted = { tenantCode: tenant.code, region, profile, environment }
    const cell = await takeCell(em, wanted)
    const bus = deps.platform.buses.length === 0 ? null : await takeBus(em, wanted)
    const segment = pool === undefined ? null : await freeSegment(em, region, pool, `${tenant.code}/${environment}`)
    em.create(Placement, { tenant: tenant.id, environment, number: 1, profile, cell, bus, segment })
    // The next environment must not be given the same segment.
    await em.flush()
  }
  const operation = em.create(Operation, {
    tenant: tenant.id,
    kind: 'provision',
    generation: tenant.generation,
    actor: call.actor,
    correlationId: call.correlationId,
  })
  await em.flush()
  const said = { actor: call.actor, operationId: operation.id, correlationId: call.correlationId }
  const { id, slug, generation } = tenant
  await appendEvents(em, id, [
    { type: 'TENANCY_TENANT_ACCEPTED', ...said, data: { slug, generation, profile, plan, region, environments } },
    { type: 'TENANCY_KEY_CREATED', ...said, data: {} },
    { type: 'TENANCY_OPERATION_ACCEPTED', ...said, data: { kind: operation.kind, generation, attempt: 1 } },
  ])
  const [view] = await tenantViews(em, [tenant])
  if (view === undefined) throw new Error(`tenant ${id} has no view`)
  return {
    status: 202,
    headers: { Location: `/v1/operations/${operation.id}` },
    body: { tenant: view, operation: operationView(operation, slug, deps) },
    start: { id: operation.id, kind: operation.kind, attempt: operation.attempt, tenant: id, generation, slug },
  }
}

async function insertTenant(
  em: EntityManager,
  { slug, name, labels }: { slug: string; name: string; labels: Record<string, string> },
  { profile, plan, region }: { profile: string; plan: string; region: string },
): Promise<TenantRow> {
  const [made] = await em.execute<{ id: string }[]>('select uuidv7() as id')
  if (made === undefined) throw new Error('the registry made no id')
  const { id } = made
  try {
    const dataKey = id.replaceAll('-', '')
    const tenant = em.create(Tenant, { id, code: newCode(), slug, name, labels, dataKey, profile, plan, region })
    await em.flush()
    return tenant
  } catch (error) {
    const isTaken =
      error instanceof UniqueConstraintViolationException &&
      'constraint' in error &&
      error.constraint === 'tenants_living_slug'
    if (!isTaken) throw error
    throw new FreeholdError('slug_taken', `there is a tenant "${slug}" already; choose another slug`, { cause: error })
  }
}

/**
 * Whether a manifest asks for what is in force: the same wish as the one accepted, or the same once defaults are filled
 * in. The first matters because defaults are frozen: a newer migration set does not make an old manifest another one.
 */
export async function isInForce(em: EntityManager, deps: ApiDeps, tenant: TenantRow, wish: Wish): Promise<boolean> {
  const generation = await readGeneration(em, tenant.id, tenant.generation)
  const sealer = await sealerFor(em, deps.platformKey, tenant.id)
  const unseal = (part: 'raw' | 'contacts') =>
    sealer.open('fields', `generations/${tenant.generation}/${part}`, Buffer.from(generation[part]))
  if (same(readManifest(unseal('raw')), wish.manifest)) return true
  const { resolved, contacts } = resolveManifest(wish.manifest, deps.platform, await deps.migrations.versions())
  return same(resolved, generation.resolved) && same(contacts, JSON.parse(unseal('contacts')))
}

/** Compared as JSON, so that an absent field and an undefined one are the same. */
function same(a: unknown, b: unknown): boolean {
  const text = (value: unknown) => canonicalText({ value: JSON.parse(JSON.stringify(value)) })
  return text(a) === text(b)
}
