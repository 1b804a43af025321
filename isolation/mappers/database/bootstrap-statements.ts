import pg from 'pg'
import { quoteIdentifier } from '../../../domain/names.ts'
import { sideStates } from './placement.ts'

/** What one database cluster is prepared with. */
export type BootstrapInput = {
  readonly provisionerRole: string
  /** SCRAM verifier of the provisioner's password (`scramVerifier`), so that the printed form holds no clear text. */
  readonly passwordVerifier: string
  readonly database: string
  /** Closes `postgres` and `template1` to PUBLIC as well; only for a cluster that nobody else uses. */
  readonly lockDown?: boolean
}

/** Large objects lie outside every schema and count against nobody; who cannot make one cannot fill the disk with them. */
const largeObjectFunctions = [
  'lo_create(oid)',
  'lo_creat(integer)',
  'lo_from_bytea(oid, bytea)',
  'lo_put(oid, bigint, bytea)',
  'lo_import(text)',
  'lo_import(text, oid)',
]

/**
 * The one-time grants of an administrator, in order, each of which may run again but `createDatabase`, which is to be
 * skipped when the database is there. `cluster` and `createDatabase` run in any database, `database` in the new one.
 * Throws `invalid_request` for names that no database object of ours can have.
 */
export function bootstrapStatements(input: BootstrapInput) {
  const provisioner = quoteIdentifier(input.provisionerRole)
  const database = quoteIdentifier(input.database)
  const password = pg.escapeLiteral(input.passwordVerifier)
  const closed = input.lockDown === true ? ['postgres', 'template1'] : []
  return {
    cluster: [
      createRole(input.provisionerRole),
      `alter role ${provisioner} login createrole createdb password ${password}`,
      ...closed.map((name) => `revoke connect, temporary on database ${name} from public`),
    ],
    createDatabase: `create database ${database} owner ${provisioner}`,
    database: [
      `alter database ${database} owner to ${provisioner}`,
      `revoke all on database ${database} from public`,
      'revoke all on schema public from public',
      ...largeObjectFunctions.map((name) => `revoke execute on function pg_catalog.${name} from public`),
      'create schema if not exists tenancy',
      placementTable,
      `alter schema tenancy owner to ${provisioner}`,
      `alter table tenancy.placement owner to ${provisioner}`,
      ...placementRights,
    ],
  }
}

/** There is no CREATE ROLE IF NOT EXISTS. */
function createRole(role: string): string {
  return `do $do$ begin
  if not exists (select from pg_catalog.pg_roles where rolname = ${pg.escapeLiteral(role)}) then
    create role ${quoteIdentifier(role)};
  end if;
end $do$`
}

/** The authority for "may this side write": architecture, decision 5. */
const placementTable = `create table if not exists tenancy.placement (
  tenant uuid not null,
  environment text not null,
  number integer not null,
  state text not null check (state in (${sideStates.map((state) => pg.escapeLiteral(state)).join(', ')})),
  epoch bigint not null,
  app_role name not null,
  owner_role name not null,
  permit text,
  marker text,
  updated_at timestamptz not null default now(),
  primary key (tenant, environment, number)
)`

/**
 * Every tenant may read the table, and sees its own row alone. Granted to PUBLIC, which cannot even connect, and not to each
 * app role: the grants of thousands of tenants would be one catalogue row that all of them queue for.
 */
const placementRights = [
  'alter table tenancy.placement enable row level security',
  'drop policy if exists own_row on tenancy.placement',
  'create policy own_row on tenancy.placement for select using (app_role = current_user)',
  'grant usage on schema tenancy to public',
  'grant select on tenancy.placement to public',
]
