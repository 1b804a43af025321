import pg from 'pg'
import { quoteIdentifier } from '../../../domain/names.ts'
import { gateNeeds } from './gate.ts'
import { calledByTenants, grantedTo, ownerIs, type Need } from './needs.ts'
import { sideStates } from './placement.ts'

/** The authority for "may this side write": architecture, decision 5. */
const placementTable = `create table tenancy.placement (
  tenant uuid not null,
  environment text not null,
  number integer not null,
  state text not null check (state in (${sideStates.map((state) => pg.escapeLiteral(state)).join(', ')})),
  epoch bigint not null,
  fence bigint not null default 0,
  app_role name not null,
  owner_role name not null,
  permit text,
  marker text,
  updated_at timestamptz not null default now(),
  primary key (tenant, environment, number)
)`

/**
 * What a tenant may ask: its own row. The inner block is undone by its own error, and PostgreSQL then gives up the lock that
 * reading has taken: a session that stays in its transaction would hold up every change of the table.
 */
const myPlacement = `
declare
  own record;
begin
  begin
    select p.tenant, p.environment, p.number, p.state, p.epoch into own from tenancy.placement p
      where session_user in (p.app_role, p.owner_role) and p.state <> 'retired';
    raise sqlstate 'FH001';
  exception when sqlstate 'FH001' then
    null;
  end;
  if own.tenant is not null then
    return query select own.tenant, own.environment, own.number, own.state, own.epoch;
  end if;
end`

const table = `to_regclass('tenancy.placement')`

/**
 * The platform's own part of a data database: the table `tenancy.placement` in a schema that no tenant may even name
 * things of (who may can lock the table without any right on it, by preparing a statement), and beside it the schema
 * `freehold` with what tenants may call.
 */
export function tenancyNeeds(provisionerRole: string, tenants: string): Need[] {
  const provisioner = quoteIdentifier(provisionerRole)
  const role = pg.escapeLiteral(provisionerRole)
  const tenantsOid = `(select oid from pg_roles where rolname = ${pg.escapeLiteral(tenants)})`
  const missing = (thing: string) => `${thing} is null`
  const schemaOf = (name: string) => `(select nspacl from pg_namespace where nspname = '${name}')`
  const owned = (name: string) => ownerIs('pg_namespace', 'nspowner', `c.nspname = '${name}'`, role)
  return [
    ...['tenancy', 'freehold'].flatMap((name) => [
      { lacks: missing(`to_regnamespace('${name}')`), statement: `create schema ${name}` },
      { lacks: `not ${owned(name)}`, statement: `alter schema ${name} owner to ${provisioner}` },
    ]),
    {
      lacks: `exists (select from aclexplode(${schemaOf('tenancy')}) a where a.grantee = 0)`,
      statement: 'revoke all on schema tenancy from public',
    },
    { lacks: missing(table), statement: placementTable },
    {
      lacks: `not exists (select from pg_attribute where attrelid = ${table} and attname = 'fence')`,
      statement: 'alter table tenancy.placement add column if not exists fence bigint not null default 0',
    },
    {
      lacks: `not ${ownerIs('pg_class', 'relowner', `c.oid = ${table}`, role)}`,
      statement: `alter table tenancy.placement owner to ${provisioner}`,
    },
    {
      lacks: `exists (select from pg_class c, aclexplode(c.relacl) a where c.oid = ${table} and a.grantee = 0)`,
      statement: 'revoke all on tenancy.placement from public',
    },
    {
      lacks: `exists (select from pg_class where oid = ${table} and relrowsecurity)`,
      statement:
        'drop policy if exists own_row on tenancy.placement; alter table tenancy.placement disable row level security',
    },
    ...calledByTenants(
      {
        signature: 'freehold.my_placement()',
        returns: 'table (tenant uuid, environment text, number integer, state text, epoch bigint)',
        body: myPlacement,
      },
      { provisionerRole, tenants },
    ),
    ...gateNeeds({ provisionerRole, tenants }),
    {
      lacks: `not ${grantedTo(schemaOf('freehold'), tenantsOid, 'USAGE')}`,
      statement: `grant usage on schema freehold to ${quoteIdentifier(tenants)}`,
    },
  ]
}
