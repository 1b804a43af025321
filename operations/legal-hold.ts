import { FreeholdError } from '../domain/errors.ts'
import { endsTenant } from '../domain/lifecycle.ts'
import type { OperationKind } from '../domain/operation.ts'
import { appendTo, eventsJson } from '../registry/events.ts'
import type { Sql } from '../registry/sql.ts'
import type { Requester } from './accept.ts'
import { raiseConditions } from './conditions.ts'
import type { TenantFacts } from './rows.ts'

type Ending = { held: string | null; isProtected: boolean }

/**
 * Throws `legal_hold`, or `delete_protected`, for a command that would end a tenant which must stay. A purge heeds a hold
 * alone: the protection is of what lives. The tenant is locked by the caller.
 */
export async function assertMayEnd(
  sql: Sql,
  kind: OperationKind,
  { id, slug }: Pick<TenantFacts, 'id' | 'slug'>,
): Promise<void> {
  if (!endsTenant(kind)) return
  const [found] = await sql<Ending>({
    name: 'may-end',
    text: `select (select message from conditions where tenant_id = $1 and type = 'LegalHold') as held,
        (select resolved #>> '{spec,policies,deleteProtection}' = 'true' from generations g
          where g.tenant_id = t.id and g.number = coalesce(nullif(t.observed_generation, 0), t.generation)) as "isProtected"
      from tenants t where id = $1`,
    values: [id],
  })
  if (typeof found?.held === 'string')
    throw new FreeholdError('legal_hold', `tenant ${slug} is under legal hold: ${found.held}; lift the hold first`)
  if (kind === 'delete' && found?.isProtected === true)
    throw new FreeholdError(
      'delete_protected',
      `tenant ${slug} is protected by its manifest; apply it with spec.policies.deleteProtection: false first`,
      { details: [{ path: 'spec.policies.deleteProtection', message: 'is true' }] },
    )
}

/** Throws `legal_hold` for a manifest by which a tenant that must stay would lose environments. The tenant is locked by the caller. */
export async function assertMayLose(
  sql: Sql,
  { id, slug }: Pick<TenantFacts, 'id' | 'slug'>,
  environments: readonly string[],
): Promise<void> {
  if (environments.length === 0) return
  const standing = await standingHold(sql, id)
  if (standing !== undefined)
    throw new FreeholdError(
      'legal_hold',
      `tenant ${slug} is under legal hold: ${standing}; lift it before environment ${environments.join(', ')} is removed`,
    )
}

async function standingHold(sql: Sql, tenant: string): Promise<string | undefined> {
  const [standing] = await sql<{ message: string }>({
    name: 'standing-hold',
    text: `select message from conditions where tenant_id = $1 and type = 'LegalHold'`,
    values: [tenant],
  })
  return standing?.message
}

/**
 * Puts a tenant under legal hold, or gives a standing hold another reason: it is neither deleted nor purged until it is lifted.
 * A plain change of the registry that waits for no operation. Throws `transition_not_allowed` once the tenant is being purged.
 */
export async function setLegalHold(
  sql: Sql,
  tenant: TenantFacts,
  { actor, reason, correlationId }: Requester,
): Promise<void> {
  if (tenant.state === 'purging')
    throw new FreeholdError(
      'transition_not_allowed',
      `tenant ${tenant.slug} is being purged; it is too late for a hold`,
      {
        facts: { state: tenant.state, allowed: [] },
      },
    )
  const message = reason ?? 'no reason was given'
  const data = { before: (await standingHold(sql, tenant.id)) ?? null, reason: message }
  const said = eventsJson([{ type: 'TENANCY_LEGAL_HOLD_SET', actor, correlationId, data }])
  await sql({
    name: 'set-hold',
    text: `with raised as (${raiseConditions(`values ($1::uuid, 'LegalHold', $2, $3)`)})
      select append_events($1::uuid::text, $4::jsonb)`,
    values: [tenant.id, actor, message, said],
  })
}

/** Lifts a legal hold. Throws `not_found` when there is none. */
export async function liftLegalHold(
  sql: Sql,
  tenant: TenantFacts,
  { actor, reason, correlationId }: Requester,
): Promise<void> {
  const lifted = await sql<{ message: string }>({
    name: 'lift-hold',
    text: `delete from conditions where tenant_id = $1 and type = 'LegalHold' returning message`,
    values: [tenant.id],
  })
  const [before] = lifted
  if (before === undefined) throw new FreeholdError('not_found', `tenant ${tenant.slug} is under no legal hold`)
  const data = { before: before.message, ...(reason === undefined ? {} : { reason }) }
  await appendTo(sql, tenant.id, [{ type: 'TENANCY_LEGAL_HOLD_LIFTED', actor, correlationId, data }])
}
