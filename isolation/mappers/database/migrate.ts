import pg, { DatabaseError, type ClientBase, type QueryConfig, type QueryResult } from 'pg'
import { FreeholdError } from '../../../domain/errors.ts'
import { quoteIdentifier } from '../../../domain/names.ts'
import type { Migration } from '../../../base/migration-source.ts'
import type { Target } from '../../mapper.ts'
import { answerGraceMs } from './connections.ts'
import { isPassing } from './errors.ts'
import { find, refuseForeign } from './found.ts'
import { lockPlacement } from './placement.ts'
import { databaseProperties, type DatabaseProperties } from './properties.ts'

const ledger = '_freehold_migrations'
const inFailedTransaction = '25P02'
const timedOut = '57014'

/** What ran now, and the version reached (null when there was no migration at all). */
export type Migrated = { applied: string[]; version: string | null }
type Position = { transaction: string; role: string }
/** `pg` takes it for one query too, and does not say so in its types. */
type ClientTimeout = { query_timeout: number }
type Recorded = { file: string; checksum: string }

/**
 * Brings a tenant's schema to the version of the last migration. Each file runs in one transaction as the owner role and is
 * recorded, with its checksum, in a table of the tenant's own schema; what is recorded is not run again. Runs for one tenant
 * at the same time take turns.
 * Throws `migration_changed` when a recorded file has another checksum now (before anything runs), `migration_failed` with
 * file, line and PostgreSQL's words when a file fails (that file is rolled back, the ones before stay), and
 * `resource_not_owned` for a schema of someone else.
 * @param client the provisioner's; after a failure its state is not known, afterwards it is as new
 * @param timeoutMs for one file
 */
export async function migrateSchema(
  client: ClientBase,
  target: Target,
  migrations: readonly Migration[],
  timeoutMs: number,
): Promise<Migrated> {
  const names = databaseProperties(target.spec)
  const recorded = await openLedger(client, target, names, timeoutMs)
  for (const migration of migrations) refuseChanged(migration, recorded.get(migration.file), target)
  const applied = []
  for (const migration of migrations)
    if (!recorded.has(migration.file) && (await runOne(client, names, migration, target, timeoutMs)))
      applied.push(migration.file)
  // A script may leave settings, locks and temporary tables behind.
  await client.query('discard all')
  return { applied, version: migrations.at(-1)?.version ?? null }
}

/** Makes the table in the tenant's schema, reads it, and leaves the session as its owner. */
async function openLedger(
  client: ClientBase,
  target: Target,
  names: DatabaseProperties,
  timeoutMs: number,
): Promise<Map<string, string>> {
  await client.query('begin')
  await lockPlacement(client, target, names)
  const found = await find(client, names)
  refuseForeign(found, target.tenantId)
  if (found.schema === undefined || found.ownerRole === undefined || found.appRole === undefined)
    throw new FreeholdError('not_found', `${target.spec.name} does not exist yet, so it cannot be migrated`)
  return recordedIn(
    await together(
      client,
      `set local role ${quoteIdentifier(names.ownerRole)}`,
      `set local search_path to ${quoteIdentifier(names.schema)}`,
      `create table if not exists ${ledger} (
        file text primary key, version text not null, checksum text not null, applied_at timestamptz not null default now())`,
      `revoke all on ${ledger} from ${quoteIdentifier(names.appRole)}`,
      `grant select on ${ledger} to ${quoteIdentifier(names.appRole)}`,
      readLedger,
      'commit',
      ...asOwner(names, timeoutMs),
    ),
  )
}

/**
 * For the session and outside of any transaction, so that neither what follows a COMMIT nor what follows a ROLLBACK in a
 * script runs as the provisioner; set anew before each file, because a script may change it.
 */
function asOwner(names: DatabaseProperties, timeoutMs: number): string[] {
  return [
    `set role ${quoteIdentifier(names.ownerRole)}`,
    `set search_path to ${quoteIdentifier(names.schema)}`,
    `set statement_timeout to ${timeoutMs}`,
  ]
}

const readLedger = `select file, checksum from ${ledger}`

function recordedIn(results: QueryResult[]): Map<string, string> {
  const rows: Recorded[] = results.find(({ fields }) => fields[0]?.name === 'file')?.rows ?? []
  return new Map(rows.map((row) => [row.file, row.checksum]))
}

/** Several statements in one round trip, which is most of what a short one costs. */
async function together(client: ClientBase, ...statements: string[]): Promise<QueryResult[]> {
  return (await client.query(statements.join(';\n'))) as unknown as QueryResult[]
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
async function runOne(
  client: ClientBase,
  names: DatabaseProperties,
  migration: Migration,
  target: Target,
  timeoutMs: number,
): Promise<boolean> {
  const opened = await together(
    client,
    'begin',
    `lock table ${ledger} in share row exclusive mode`,
    readLedger,
    readPosition,
  )
  const checksum = recordedIn(opened).get(migration.file)
  refuseChanged(migration, checksum, target)
  if (checksum !== undefined) {
    await client.query('rollback')
    return false
  }
  const script: QueryConfig & ClientTimeout = { text: migration.sql, query_timeout: timeoutMs + answerGraceMs }
  try {
    await client.query(script)
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error
    if (error.code === timedOut)
      throw fault(migration, 'a statement ran longer than the timeout; nothing of this file was kept')
    if (isPassing(error)) throw error
    throw (await isAborted(client)) ? sqlFault(migration, error) : transactionEnded(migration)
  }
  const after = await position(client)
  if (after.transaction !== opened.at(-1)?.rows[0]?.transaction) throw transactionEnded(migration)
  if (after.role !== names.ownerRole)
    throw fault(migration, `it ends as role "${after.role}"; it must leave the role as it was`)
  const record = [migration.file, migration.version, migration.checksum].map(pg.escapeLiteral).join(', ')
  await together(
    client,
    `insert into ${quoteIdentifier(names.schema)}.${ledger} (file, version, checksum) values (${record})`,
    'commit',
    ...asOwner(names, timeoutMs),
  )
  return true
}

const readPosition = 'select pg_catalog.pg_current_xact_id()::text as transaction, current_user::text as role'

/** Which transaction this is, and as whom. */
async function position(client: ClientBase): Promise<Position> {
  const { rows } = await client.query<Position>(readPosition)
  return rows[0] ?? { transaction: '', role: '' }
}

/** Whether the error has left our transaction open, to be rolled back; not so when the script had ended it before. */
async function isAborted(client: ClientBase): Promise<boolean> {
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
