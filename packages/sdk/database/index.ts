export {
  createTenantDatabase,
  createTenantDatabases,
  type TenantDatabases,
  type TenantDatabasesOptions,
} from './databases.ts'
export type { TenantClient } from './one-try.ts'
export { TenantDatabaseError } from './tenant-database-error.ts'
export type { TenantDatabase, TransactionOptions } from './transactions.ts'
