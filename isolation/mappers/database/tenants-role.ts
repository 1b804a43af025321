/**
 * SQL for the name of the role through which the tenants of a database may enter it: one for all, so that the rights of the
 * database are not a list of every tenant, which each new one would have to lock and write anew.
 * @param database SQL for the name of the database
 */
export function tenantsRole(database: string): string {
  return `(${database} || '_tenants')`
}
