import type { ClientBase } from 'pg'
import { FreeholdError } from '../../../domain/errors.ts'
import type { Target } from '../../mapper.ts'
import type { DatabaseProperties } from './properties.ts'

/** States of a row of `tenancy.placement`: whether this database is the side that may write. */
export const sideStates = ['standby', 'active', 'suspended', 'moved', 'retired'] as const
type SideState = (typeof sideStates)[number]

const key = (target: Target) => [target.tenantId, target.spec.environment, target.spec.placement]

const insert = `
  insert into tenancy.placement as p (tenant, environment, number, state, epoch, app_role, owner_role)
  values ($1, $2, $3, $4, $5, $6, $7)
  on conflict (tenant, environment, number) do update`

/**
 * Makes the placement row, `active` when it is new, and locks it: the lock that keeps two runs for one tenant apart until
 * the transaction ends. A row and not an advisory lock, because any tenant could take and keep one of those.
 * An existing row keeps its state, and its epoch when that is higher.
 */
export async function lockPlacement(
  client: ClientBase,
  target: Target,
  names: DatabaseProperties,
): Promise<{ state: SideState }> {
  const { rows } = await client.query<{ state: SideState }>(
    `${insert} set epoch = greatest(p.epoch, excluded.epoch), app_role = excluded.app_role, owner_role = excluded.owner_role,
       updated_at = now() returning state`,
    [...key(target), 'active', target.epoch, names.appRole, names.ownerRole],
  )
  const [row] = rows
  if (row === undefined) throw new Error('an upsert gave no row')
  return row
}

/**
 * Sets the state under the target's epoch, and locks the row as `lockPlacement` does. Throws `operation_superseded` when the
 * row has a higher epoch (a later operation was here) or is not this side's to open or close any more.
 */
export async function setPlacementState(
  client: ClientBase,
  target: Target,
  names: DatabaseProperties,
  state: 'active' | 'suspended',
): Promise<void> {
  const { rowCount } = await client.query(
    `${insert} set state = excluded.state, epoch = excluded.epoch, updated_at = now()
       where p.epoch <= excluded.epoch and p.state in ('active', 'suspended')`,
    [...key(target), state, target.epoch, names.appRole, names.ownerRole],
  )
  if (rowCount === 1) return
  throw new FreeholdError(
    'operation_superseded',
    `${target.spec.name} was changed by a later operation than epoch ${target.epoch}; nothing was done`,
  )
}

/** The row as it is, or undefined. */
export async function readPlacement(
  client: ClientBase,
  target: Target,
): Promise<{ state: SideState; epoch: number } | undefined> {
  const { rows } = await client.query<{ state: SideState; epoch: string }>(
    'select state, epoch from tenancy.placement where (tenant, environment, number) = ($1, $2, $3)',
    key(target),
  )
  return rows[0] && { state: rows[0].state, epoch: Number(rows[0].epoch) }
}

/** Deletes the row. */
export async function deletePlacement(client: ClientBase, target: Target): Promise<void> {
  await client.query('delete from tenancy.placement where (tenant, environment, number) = ($1, $2, $3)', key(target))
}
