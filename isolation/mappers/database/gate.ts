import pg from 'pg'
import { quoteIdentifier } from '../../../domain/names.ts'
import { movedState } from '../../../domain/relocation.ts'
import { calledByTenants, type Need, type Parties } from './needs.ts'

/**
 * SQL for the key of the advisory lock that is an environment's gate. Every transaction of its clients holds it shared, by
 * `freehold.enter`; a cut takes it alone, with `pg_advisory_xact_lock`, and so waits for those that are in and keeps others
 * out. It is of one database, as all advisory locks are.
 */
export function gateKey(tenantSql: string, environmentSql: string): string {
  return `pg_catalog.hashtextextended('freehold/gate/' || (${tenantSql})::text || '/' || (${environmentSql})::text, 0)`
}

const ownRow = `from tenancy.placement p where session_user in (p.app_role, p.owner_role) and p.state <> 'retired'`

/**
 * What a tenant's transaction begins with. Each look at the table is undone by its own error, as in `my_placement`, so that
 * no lock of the table stays; that on the gate is taken outside, and stays until the transaction ends. Which gate it is does
 * not change; state and epoch are read behind it, by a statement of its own, which sees what was committed while it waited.
 */
const enter = `
declare
  own record;
  side record;
begin
  begin
    select p.tenant, p.environment into own ${ownRow};
    raise sqlstate 'FH001';
  exception when sqlstate 'FH001' then
    null;
  end;
  perform pg_catalog.pg_advisory_xact_lock_shared(${gateKey('own.tenant', 'own.environment')});
  begin
    select p.state, p.epoch into side ${ownRow};
    raise sqlstate 'FH001';
  exception when sqlstate 'FH001' then
    null;
  end;
  if side.state = 'active' and side.epoch = $1 then
    return;
  end if;
  raise sqlstate '${movedState}' using
    message = case
      when side.state is null then 'nothing of this login is here any more'
      when side.epoch > $1 then pg_catalog.format('epoch %s is stale: this side is at epoch %s', $1, side.epoch)
      when side.epoch < $1 then pg_catalog.format('this side is at epoch %s, and not at %s yet', side.epoch, $1)
      else pg_catalog.format('this side is %s at epoch %s', side.state, side.epoch) end,
    detail = pg_catalog.json_build_object('state', side.state, 'epoch', side.epoch)::text,
    hint = 'Read the context again, and do the whole transaction where it says.';
end`

/** `freehold.enter(epoch)`: lets a transaction of the active side's own epoch in, and refuses any other. */
export function gateNeeds(parties: Parties): Need[] {
  const signature = 'freehold.enter(bigint)'
  return calledByTenants(
    { signature, declaration: 'freehold.enter(epoch bigint)', returns: 'void', body: enter },
    parties,
  )
}

/** The right to lock the gate, for the owner of the function, where PUBLIC has none on advisory locks. */
export function gateLockNeed(provisionerRole: string): Need {
  const lock = 'pg_catalog.pg_advisory_xact_lock_shared(bigint)'
  return {
    lacks: `not exists (select from pg_proc p, aclexplode(p.proacl) a join pg_roles r on r.oid = a.grantee
      where p.oid = '${lock}'::regprocedure and r.rolname = ${pg.escapeLiteral(provisionerRole)})`,
    statement: `grant execute on function ${lock} to ${quoteIdentifier(provisionerRole)}`,
  }
}
