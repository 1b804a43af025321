import { createHash } from 'node:crypto'
import type { Client } from 'pg'
import { together } from '../mappers/database/connections.ts'
import { differences, readStructure } from '../mappers/database/structure.ts'
import { textSettings } from '../mappers/database/tables.ts'
import type { Difference } from './hash.ts'

/** What a schema is made of: a short hash to compare, and the lines to name a difference by. */
export type Fingerprint = { readonly hash: string; readonly lines: readonly string[] }

/** The platform's own: the trigger that refuses writes on a side that is closed, and its function. */
const isRefusal = (line: string) => /^trigger CREATE TRIGGER _moved |^function _moved\(\)/.test(line)

/** What rows are found by decides whether they can be changed once a table is published, and both sides publish. */
const identities = `select pg_catalog.format('relation %I: replica identity %s', c.relname,
    case c.relreplident when 'f' then 'full' when 'n' then 'nothing' end) as line
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and c.relkind in ('r', 'p') and c.relreplident in ('f', 'n') order by c.relname collate "C"`

/**
 * Reads what a schema is made of, for comparing the two sides of a move. What a move itself has changed is left out: its refusing
 * triggers, and whether a trigger fires for replicated rows, because such a trigger sleeps while rows are replicated to its side.
 * The session is set to print every name with its schema, and values in expressions as the other side does.
 */
export async function readFingerprint(client: Client, schema: string): Promise<Fingerprint> {
  await together(client, 'set search_path = pg_catalog', ...textSettings)
  const structure = await readStructure(client, schema)
  const found = await client.query<{ line: string }>(identities, [schema])
  const lines = [...structure, ...found.rows.map(({ line }) => line)]
    .filter((line) => !isRefusal(line))
    .map((line) => (line.startsWith('trigger ') ? line.replace(/, [ARD]$/, ', not for ordinary writes alone') : line))
  return { hash: createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 32), lines }
}

/** What one side is made of and the other is not; none when the two have the same hash. */
export function compareFingerprints(source: Fingerprint, target: Fingerprint): Difference[] {
  return [
    ...differences(source.lines, target.lines).map((line) => ({
      object: line,
      message: `only on the source: ${line}`,
    })),
    ...differences(target.lines, source.lines).map((line) => ({
      object: line,
      message: `only on the target: ${line}`,
    })),
  ]
}
