import pg from 'pg'
import { quoteIdentifier } from '../../../domain/names.ts'

/** Something a database needs: `statement` makes it so, `lacks` is SQL that is true while it is not. */
export type Need = { readonly lacks: string; readonly statement: string }

/** SQL: whether a row of a catalogue belongs to a role, given as a literal. */
export const ownerIs = (catalogue: string, column: string, condition: string, role: string) =>
  `exists (select from ${catalogue} c join pg_roles r on r.oid = c.${column} where ${condition} and r.rolname = ${role})`

/** SQL: whether a list of rights has one of a grantee, given as its oid. */
export const grantedTo = (acl: string, grantee: string, right: string) =>
  `exists (select from aclexplode(${acl}) a where a.grantee = ${grantee} and a.privilege_type = '${right}')`

/** Who owns what the platform has in a data database, and the role through which its tenants come in. */
export type Parties = { readonly provisionerRole: string; readonly tenants: string }

/** A function in PL/pgSQL: name with types, names with types, what it gives, and its text. */
export type DefinerFunction = {
  readonly signature: string
  /** The same with names of the parameters, where it has some. */
  readonly declaration?: string
  readonly returns: string
  readonly body: string
}

/** A function with the rights of the provisioner, which the tenants may call and PUBLIC may not. */
export function calledByTenants(
  { signature, declaration = signature, returns, body }: DefinerFunction,
  { provisionerRole, tenants }: Parties,
): Need[] {
  const found = `to_regprocedure('${signature}')`
  const rights = `(select proacl from pg_proc where oid = ${found})`
  const tenantsOid = `(select oid from pg_roles where rolname = ${pg.escapeLiteral(tenants)})`
  return [
    {
      lacks: `not exists (select from pg_proc where oid = ${found} and prosecdef and prosrc = ${pg.escapeLiteral(body)})`,
      statement: `create or replace function ${declaration}
        returns ${returns}
        language plpgsql security definer set search_path = pg_catalog, pg_temp as ${pg.escapeLiteral(body)}`,
    },
    {
      lacks: `not ${ownerIs('pg_proc', 'proowner', `c.oid = ${found}`, pg.escapeLiteral(provisionerRole))}`,
      statement: `alter function ${signature} owner to ${quoteIdentifier(provisionerRole)}`,
    },
    {
      lacks: `not ${grantedTo(rights, tenantsOid, 'EXECUTE')} or ${grantedTo(rights, '0', 'EXECUTE')}`,
      statement: `revoke all on function ${signature} from public; grant execute on function ${signature} to ${quoteIdentifier(tenants)}`,
    },
  ]
}
