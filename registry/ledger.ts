import { LockMode } from '@mikro-orm/core'
import { FreeholdError } from '../domain/errors.ts'
import type { JsonObject } from '../domain/json.ts'
import type { ResourceSpec } from '../domain/resources.ts'
import { Resource, type ResourceRow } from './entities/resource.ts'
import { databaseNow } from './entities/types.ts'
import type { EntityManager } from './orm.ts'

const lockNotAvailable = '55P03'

/**
 * Enters resources that are going to be made. One that is in the ledger already stays as it is, with its creator.
 * @returns the specs that were not there before
 */
export async function planResources(
  em: EntityManager,
  tenant: string,
  operationId: string,
  specs: readonly ResourceSpec[],
): Promise<ResourceSpec[]> {
  if (specs.length === 0) return []
  const rows = await em.execute<{ placement: number; key: string }[]>(
    `insert into resources (tenant_id, placement, key, kind, environment, cell, name, spec, created_by)
     select ?, s.placement, s.key, s.kind, s.environment, s.cell, s.name, spec, ?
     from jsonb_array_elements(?::jsonb) as spec,
       jsonb_to_record(spec) as s (placement int, key text, kind text, environment text, cell text, name text)
     on conflict do nothing returning placement, key`,
    [tenant, operationId, JSON.stringify(specs)],
  )
  const isNew = (spec: ResourceSpec) =>
    rows.some(({ placement, key }) => placement === spec.placement && key === spec.key)
  return specs.filter(isNew)
}

/**
 * Locks one entry for the length of the caller's transaction: whoever works on a resource holds its row, so two attempts
 * at the same resource follow each other and an undo waits for a late one.
 * Throws `substrate_unavailable` when another works on it for longer than the registry lets one wait.
 * @returns null when it is not in the ledger, or no longer
 */
export async function lockResource(
  em: EntityManager,
  tenant: string,
  placement: number,
  key: string,
): Promise<ResourceRow | null> {
  try {
    return await em.findOne(
      Resource,
      { tenant, placement, key },
      { lockMode: LockMode.PESSIMISTIC_WRITE, refresh: true },
    )
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== lockNotAvailable) throw cause
    throw new FreeholdError('substrate_unavailable', `an earlier attempt still works on ${key}; this one comes again`, {
      cause,
    })
  }
}

/** Notes that the resource exists, with public facts of it. */
export async function markPresent(em: EntityManager, row: ResourceRow, facts: JsonObject): Promise<boolean> {
  const isNew = row.state === 'planned'
  row.state = 'present'
  row.facts = { ...row.facts, ...facts }
  row.updatedAt = databaseNow()
  await em.flush()
  return isNew
}

/** Takes the resource out of the ledger. */
export async function forgetResource(em: EntityManager, row: ResourceRow): Promise<void> {
  await em.remove(row).flush()
}

/** What the ledger says of a tenant, in a stable order. */
export async function resourcesOf(em: EntityManager, tenant: string): Promise<ResourceRow[]> {
  return em.find(Resource, { tenant }, { orderBy: { placement: 'asc', key: 'asc' } })
}
