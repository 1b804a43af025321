import pg, { type QueryResult } from 'pg'
import { FreeholdError } from '../../../domain/errors.ts'
import type { Target } from '../../mapper.ts'

/**
 * States of a row of `tenancy.placement`: whether this database is the side that may write. `retired` is a tombstone: the
 * side was removed, and its fence refuses who comes late.
 */
export const sideStates = ['standby', 'active', 'suspended', 'moved', 'retired'] as const
export type SideState = (typeof sideStates)[number]

/** The row as a claim has left it. */
export type Claimed = { readonly state: SideState }

/**
 * A claim takes the row of `tenancy.placement` for the length of a transaction, raises its fence, and refuses who has a lower
 * one. It is one statement that gives the row, or none. A row and not an advisory lock, because it is the row that is
 * compared, and because a tenant could hold an advisory lock wherever it may take one.
 */
const columns = 'tenant, environment, number, state, epoch, fence, app_role, owner_role'

function values({ spec, tenantId, epoch, fence }: Target<'database'>, state: SideState): string {
  const { appRole, ownerRole } = spec.properties
  return [tenantId, spec.environment, spec.placement, state, epoch, fence, appRole, ownerRole]
    .map((value) => pg.escapeLiteral(String(value)))
    .join(', ')
}

function upsert(target: Target<'database'>, birth: SideState, changes: string, condition: string): string {
  return `insert into tenancy.placement as p (${columns}) values (${values(target, birth)})
    on conflict (tenant, environment, number) do update
      set fence = excluded.fence, app_role = excluded.app_role, owner_role = excluded.owner_role, updated_at = now(), ${changes}
      where p.fence <= excluded.fence and ${condition}
    returning p.state`
}

/** To make the side: one that is new, or was removed before, is born as the target says; any other keeps its state. */
export function claimToEnsure(target: Target<'database'>): string {
  return upsert(
    target,
    target.birth,
    `state = case when p.state = 'retired' then excluded.state else p.state end, epoch = greatest(p.epoch, excluded.epoch)`,
    `(p.fence < excluded.fence or p.state <> 'retired')`,
  )
}

/** To close it. What is not there is remembered as closed; what is closed in another way stays so. */
export function claimToFreeze(target: Target<'database'>): string {
  return upsert(
    target,
    'suspended',
    `state = case when p.state in ('active', 'retired') then 'suspended' else p.state end,
      epoch = case when p.state = 'moved' then p.epoch else excluded.epoch end`,
    // A side that a cut has closed is closed, whatever the epoch; and the cut alone gives it another.
    `(p.epoch <= excluded.epoch or p.state = 'moved')`,
  )
}

/** To remove it. What was never there leaves a tombstone too, so that who is late makes nothing. */
export function claimToRemove(target: Target<'database'>): string {
  return upsert(target, 'retired', `state = 'retired', epoch = greatest(p.epoch, excluded.epoch)`, 'true')
}

const key = ({ tenantId, spec }: Target<'database'>) =>
  `(tenant, environment, number) = (${[tenantId, spec.environment, spec.placement].map((value) => pg.escapeLiteral(String(value))).join(', ')})`

/** To open it: only a side that was closed by `freeze`, or is open. */
export function claimToThaw(target: Target<'database'>): string {
  const { epoch, fence } = target
  return `update tenancy.placement set state = 'active', epoch = ${epoch}, fence = ${fence}, updated_at = now()
    where ${key(target)} and fence <= ${fence} and epoch <= ${epoch} and state in ('active', 'suspended') returning state`
}

/** To work on a side that is there and leave its state as it is. */
export function claimToWork(target: Target<'database'>): string {
  return `update tenancy.placement set fence = ${target.fence}, updated_at = now()
    where ${key(target)} and fence <= ${target.fence} and state <> 'retired' returning state`
}

/** The row as it is. */
export function readPlacement(target: Target<'database'>): string {
  return `select state, epoch from tenancy.placement where ${key(target)}`
}

/** What a claim gave. Throws `operation_superseded` when it was refused. */
export function claimed(result: QueryResult | undefined, target: Target<'database'>): Claimed {
  const [row] = (result?.rows ?? []) as Claimed[]
  if (row !== undefined) return row
  throw new FreeholdError(
    'operation_superseded',
    `${target.spec.name} was changed by a later operation than claim ${target.fence} of epoch ${target.epoch}; nothing was done`,
  )
}

/** `claimed` for a claim that makes no row; `placement` is what `readPlacement` gave. Throws `not_found` for no side. */
export function claimedSide(
  result: QueryResult | undefined,
  placement: QueryResult | undefined,
  target: Target<'database'>,
): Claimed {
  const [row] = (placement?.rows ?? []) as Claimed[]
  if (row === undefined || row.state === 'retired') throw absent(target)
  return claimed(result, target)
}

/** For what is to be worked on and is not there. */
export function absent({ spec }: Target<'database'>): FreeholdError {
  return new FreeholdError('not_found', `${spec.name} does not exist; provision it first`)
}
