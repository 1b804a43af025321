import { databaseIdentifier } from '../../../domain/names.ts'

/**
 * Name of the role through which the tenants of a database may enter it: one for all, so that the rights of the database are
 * not a list of every tenant, which each new one would have to lock and write anew.
 */
export function tenantsRole(database: string): string {
  return databaseIdentifier(database, 'tenants')
}

/** SQL for the same name in the current database. */
export const tenantsRoleHere = `(pg_catalog.current_database() || '_tenants')`
