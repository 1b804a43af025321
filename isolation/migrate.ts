import pg, { DatabaseError } from 'pg'
import { FreeholdError } from '../domain/errors.ts'
import { quoteIdentifier } from '../domain/names.ts'
import type { Migration } from '../platform/migration-source.ts'
import type { Target } from './mapper.ts'
import { provisionerConfig, type ConnectionOptions } from './mappers/database/connections.ts'
import { databaseError, isPassing } from './mappers/database/errors.ts'
import { find, refuseForeign } from './mappers/database/found.ts'
import { lockPlacement } from './mappers/database/placement.ts'
import { databaseProperties, type DatabaseProperties } from './mappers/database/properties.ts'

const ledger = '_freehold_migrations'
const inFailedTransaction = '25P02'
const timedOut = '57014'

/**
 * Brings a tenant's schema to the version of the last migration. Each file runs in one transaction as the owner role and is
 * recorded, with its checksum, in a table of the tenant's own schema; what is recorded is not run again. Runs for one tenant
 * at the same time take turns.
 * Throws `migration_changed` when a recorded file has another checksum now (before anything runs), `migration_failed` with
 * file, line and PostgreSQL's words when a file fails (that file is rolled back, the ones before stay), `resource_not_owned`
 * for a schema of someone else, and `substrate_unavailable` when the connection is lost.
 * @param options timeouts in milliseconds; `statementTimeoutMs` (60,000) is for one file
 * @returns the files that ran now, and the version reached (null when there was no migration at all)
 */
export async function migrateSchema(
  { target, migrations }: { target: Target; migrations: readonly Migration[] },
  options: ConnectionOptions = {},
): Promise<{ applied: string[]; version: string | null }> {
  const names = databaseProperties(target.spec)
  // A connection of its own, closed afterwards: a script may leave settings, locks and temporary tables behind.
  const client = new pg.Client(provisionerConfig(target.cell, { statementTimeoutMs: 60_000, ...options }))
  client.on('error', () => {})
  try {
    await client.connect()
    await openLedger(client, target, names)
    const recorded = await readLedger(client)
    for (const migration of migrations) refuseChanged(migration, recorded.get(migration.file), target)
    const applied = []
    for (const migration of migrations)
      if (!recorded.has(migration.file) && (await runOne(client, names, migration, target)))
        applied.push(migration.file)
    return { applied, version: migrations.at(-1)?.version ?? null }
  } catch (error) {
    throw databaseError(error, target.cell)
  } finally {
    await client.end()
  }
}

/** Makes the table in the tenant's schema, and leaves the session as owner role with that schema. */
async function openLedger(client: pg.Client, target: Target, names: DatabaseProperties): Promise<void> {
  await client.query('begin')
  await lockPlacement(client, target, names)
  const found = await find(client, names)
  refuseForeign(found, target.tenantId)
  if (found.schema === undefined || found.ownerRole === undefined || found.appRole === undefined)
    throw new FreeholdError('not_found', `${target.spec.name} does not exist yet, so it cannot be migrated`)
  await client.query(`${becomeOwner(names)};
    create table if not exists ${ledger} (
      file text primary key, version text not null, checksum text not null, applied_at timestamptz not null default now());
    revoke all on ${ledger} from ${quoteIdentifier(names.appRole)};
    grant select on ${ledger} to ${quoteIdentifier(names.appRole)};
    commit`)
}

function becomeOwner(names: DatabaseProperties): string {
  return `set role ${quoteIdentifier(names.ownerRole)}; set search_path to ${quoteIdentifier(names.schema)}`
}

async function readLedger(client: pg.Client): Promise<Map<string, string>> {
  const { rows } = await client.query<{ file: string; checksum: string }>(`select file, checksum from ${ledger}`)
  return new Map(rows.map((row) => [row.file, row.checksum]))
}

function refuseChanged(migration: Migration, checksum: string | undefined, target: Target): void {
  if (checksum === undefined || checksum === migration.checksum) return
  throw new FreeholdError(
    'migration_changed',
    `${migration.file} has changed since it was applied to ${target.spec.name}; restore it and write what is new into a new file`,
    { facts: { file: migration.file } },
  )
}

/** Runs one file; false when another run was faster. */
async function runOne(client: pg.Client, names: DatabaseProperties, migration: Migration, target: Target) {
  // The role is set for the session, so that what follows a COMMIT in a script does not run as the provisioner.
  await client.query(`${becomeOwner(names)}; begin; lock table ${ledger} in share row exclusive mode`)
  const checksum = (await readLedger(client)).get(migration.file)
  refuseChanged(migration, checksum, target)
  if (checksum !== undefined) {
    await client.query('rollback')
    return false
  }
  const before = await position(client)
  try {
    await client.query(migration.sql)
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error
    if (error.code === timedOut)
      throw fault(migration, 'a statement ran longer than the timeout; nothing of this file was kept')
    if (isPassing(error)) throw error
    throw (await isAborted(client)) ? sqlFault(migration, error) : transactionEnded(migration)
  }
  const after = await position(client)
  if (after.transaction !== before.transaction) throw transactionEnded(migration)
  if (after.role !== names.ownerRole)
    throw fault(migration, `it ends as role "${after.role}"; it must leave the role as it was`)
  await client.query(
    `insert into ${quoteIdentifier(names.schema)}.${ledger} (file, version, checksum) values ($1, $2, $3)`,
    [migration.file, migration.version, migration.checksum],
  )
  await client.query('commit')
  return true
}

/** Which transaction this is, and as whom. */
async function position(client: pg.Client): Promise<{ transaction: string; role: string }> {
  const { rows } = await client.query<{ transaction: string; role: string }>(
    'select pg_catalog.pg_current_xact_id()::text as transaction, current_user::text as role',
  )
  return rows[0] ?? { transaction: '', role: '' }
}

/** Whether the error has left our transaction open, to be rolled back; not so when the script had ended it before. */
async function isAborted(client: pg.Client): Promise<boolean> {
  try {
    await position(client)
    return false
  } catch (error) {
    if (error instanceof DatabaseError && error.code === inFailedTransaction) return true
    throw error
  }
}

function sqlFault(migration: Migration, error: DatabaseError): FreeholdError {
  const line = error.position === undefined ? undefined : lineAt(migration.sql, Number(error.position))
  return fault(migration, `${error.message} (SQLSTATE ${error.code}); nothing of this file was kept`, line)
}

/** Line, from 1, of a position that PostgreSQL counts in characters from 1. */
function lineAt(sql: string, position: number): number {
  return (
    Array.from(sql)
      .slice(0, position - 1)
      .filter((character) => character === '\n').length + 1
  )
}

function transactionEnded(migration: Migration): FreeholdError {
  return fault(
    migration,
    'it ends the transaction it is run in (COMMIT, ROLLBACK or END); take that out. What it committed was kept and is not recorded',
  )
}

function fault(migration: Migration, message: string, line?: number): FreeholdError {
  const place = line === undefined ? migration.file : `${migration.file}, line ${line}`
  return new FreeholdError('migration_failed', `${place}: ${message}`, {
    details: [{ path: migration.file, message, ...(line === undefined ? {} : { line }) }],
    facts: { file: migration.file },
  })
}
