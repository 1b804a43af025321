import pg from 'pg'
import { quoteIdentifier } from '../../../domain/names.ts'
import type { ResourceProperties } from '../../../domain/resources.ts'
import type { Migration } from '../../../base/migration-source.ts'

type Names = ResourceProperties<'database'>

/** Name of the table, in the tenant's own schema, of the migrations that were applied. */
export const recordsTable = '_freehold_migrations'
/**
 * The table beside it, of the idempotency keys under which the tenant's own transactions were committed, with what each
 * gave. A row of the tenant like any other: written in the same transaction, and moved, archived and restored with the rest.
 */
export const keysTable = '_freehold_keys'
const tableOf = ({ schema }: Names, name: string = recordsTable) => `${quoteIdentifier(schema)}.${name}`

const setting = 'freehold.transaction'

/** Statements that make both tables; run as the owner. */
export function createRecords(names: Names): string[] {
  const app = quoteIdentifier(names.appRole)
  return [
    `create table if not exists ${tableOf(names)} (
      file text primary key, version text not null, checksum text not null, applied_at timestamptz not null default now())`,
    `revoke all on ${tableOf(names)} from ${app}`,
    `grant select on ${tableOf(names)} to ${app}`,
    ...createKeys(names),
  ]
}

/** Statements that make the table of keys alone; run as the owner. */
export function createKeys(names: Names): string[] {
  const table = tableOf(names, keysTable)
  return [
    `create table if not exists ${table} (
      key text primary key, result jsonb, made_at timestamptz not null default now())`,
    `grant select, insert, update, delete on ${table} to ${quoteIdentifier(names.appRole)}`,
  ]
}

/** Statement that reads the migrations: files with their checksums. */
export function readRecords(names: Names): string {
  return `select file, checksum from ${tableOf(names)}`
}

/**
 * What goes before a file in the same message, up to its transaction. It prepares the record of the file. The table refuses
 * a null in it: the checksum is null when the transaction is not the one that begins here, and the version when the script
 * has opened the schema to anybody but its owner and the tenant's role. Who has no right on a schema reaches nothing in it.
 * @param record name for the prepared statement
 */
export function beginFile(names: Names, { file, version, checksum }: Migration, record: string): string {
  const [fileText, versionText, checksumText] = [file, version, checksum].map(pg.escapeLiteral)
  const isSame = `pg_catalog.current_setting('${setting}', true) = pg_catalog.pg_current_xact_id()::text`
  const isClosed = `not exists (select from pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
    where n.nspname = ${pg.escapeLiteral(names.schema)}
      and a.grantee not in (n.nspowner, ${pg.escapeLiteral(quoteIdentifier(names.appRole))}::pg_catalog.regrole))`
  return [
    // A script may leave settings and prepared statements behind.
    'reset all',
    'deallocate all',
    `prepare ${record} as insert into ${tableOf(names)} (file, version, checksum)
      values (${fileText}, case when ${isClosed} or not ${isSame} then ${versionText} end, case when ${isSame} then ${checksumText} end)`,
    'begin',
    `select pg_catalog.set_config('${setting}', pg_catalog.pg_current_xact_id()::text, true);\n`,
  ].join(';\n')
}

/**
 * What goes behind a file. There is no quote, dollar or comment in it: a file that leaves one of these open would take this
 * for its own text, and must find no end to it here, so that the whole message is refused.
 */
export function endFile(record: string): string {
  return `\n;execute ${record};commit`
}

/** The same for a file that is only tried out: what waits for its commit happens now, and the transaction goes on. */
export function endTrial(record: string): string {
  return `\n;execute ${record};set constraints all immediate;set constraints all deferred`
}
