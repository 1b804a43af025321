import { DatabaseError, type Client, type QueryConfig } from 'pg'
import { FreeholdError } from '../../../domain/errors.ts'
import type { ResourceProperties } from '../../../domain/resources.ts'
import type { Migration } from '../../../base/migration-source.ts'
import { isPassing } from './errors.ts'
import { beginFile, endFile, recordsTable } from './migration-records.ts'

/** `pg` takes it for one query too, and does not say so in its types. */
type ClientTimeout = { query_timeout: number }

/** So that a file is told from one that ran before it in the same session. */
let files = 0

const inFailedTransaction = '25P02'
const timedOut = '57014'
const notNull = '23502'

/**
 * Runs one file and records it, in one transaction and one round trip; one that is only tried out, in the transaction that is open.
 * Several files in one message would be faster still,
 * but a quote left open in one of them would reach into the next.
 * @param client logged in as the owner
 * @throws `migration_failed` with the file, its line where PostgreSQL says it, and what is wrong
 */
export async function runFile(
  client: Client,
  names: ResourceProperties<'database'>,
  migration: Migration,
  timeoutMs: number,
  end = endFile,
): Promise<void> {
  const record = `freehold_record_${++files}`
  const before = beginFile(names, migration, record)
  const message: QueryConfig & ClientTimeout = {
    text: `${before}${migration.sql}${end(record)}`,
    query_timeout: timeoutMs,
  }
  try {
    await client.query(message)
  } catch (error) {
    if (isCopy(error)) throw fault(migration, `it copies from standard input, and there is none: write INSERT instead`)
    if (isTimeout(error)) throw fault(migration, `it took longer than it may; nothing of this file was kept`)
    if (!(error instanceof DatabaseError) || isPassing(error)) throw error
    const refused = error.code === notNull && error.table === recordsTable ? error.column : undefined
    if (refused === 'version') throw fault(migration, opened)
    if (refused === 'checksum' || !(await isUnspoiled(client, record))) throw transactionEnded(migration)
    throw sqlFault(migration, error, before)
  }
}

const opened =
  'it grants rights on the schema to others than the tenant (to PUBLIC, or to another role), which opens it to all tenants; take that out. Nothing of this file was kept'

/** PostgreSQL says it with the code of a timeout. */
function isCopy(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === timedOut && error.message.startsWith('COPY')
}

function isTimeout(error: unknown): boolean {
  if (error instanceof DatabaseError) return error.code === timedOut
  return error instanceof Error && error.message.startsWith('Query read timeout')
}

/**
 * Whether the error left the file's transaction open, to be rolled back, or came before there was one: a message that cannot
 * be parsed is refused whole. Not so when the script had ended its transaction before.
 */
async function isUnspoiled(client: Client, record: string): Promise<boolean> {
  try {
    const { rowCount } = await client.query('select from pg_catalog.pg_prepared_statements where name = $1', [record])
    return rowCount === 0
  } catch (error) {
    if (error instanceof DatabaseError && error.code === inFailedTransaction) return true
    throw error
  }
}

function sqlFault(migration: Migration, error: DatabaseError, before: string): FreeholdError {
  const position = error.position === undefined ? undefined : Number(error.position) - before.length
  const line = position === undefined ? undefined : lineAt(migration.sql, position)
  return fault(migration, `${withoutValues(error)} (SQLSTATE ${error.code}); nothing of this file was kept`, line)
}

/** Classes of errors whose words quote what is in rows, which belongs to the tenant: of data, of constraints, raised by code. */
const quotesRows = ['22', '23', 'P0']

/** PostgreSQL's words, or what of them names nothing but the schema. */
function withoutValues({ code = '', message, table, column, constraint }: DatabaseError): string {
  if (!quotesRows.includes(code.slice(0, 2))) return message
  const where = Object.entries({ constraint, column, table }).flatMap(([what, name]) =>
    name === undefined ? [] : [`${what} "${name}"`],
  )
  const kinds: Record<string, string> = { 22: 'a value of the data is not valid', 23: 'a row violates a constraint' }
  return [kinds[code.slice(0, 2)] ?? 'the script raised an error', ...where].join(', ')
}

/** Line, from 1, of a position that PostgreSQL counts in characters from 1. */
function lineAt(sql: string, position: number): number {
  const before = Array.from(sql).slice(0, Math.max(0, position - 1))
  return before.filter((character) => character === '\n').length + 1
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
