import pg, { type Client } from 'pg'
import { nameIn } from '../mappers/database/tables.ts'
import type { Difference } from './hash.ts'

/** Where a sequence is, and how it goes on. Numbers as text, because they have 64 bits. */
export type MoveSequence = {
  readonly name: string
  readonly last: string
  readonly isCalled: boolean
  readonly increment: string
  readonly min: string
  readonly max: string
}

/**
 * The values of all sequences of a schema, owned by a column or not, in one query: by the function that is new in PostgreSQL 18. Throws
 * when the session has no right to read one, for which the function gives nothing.
 */
export async function readSequenceValues(client: Client, schema: string): Promise<MoveSequence[]> {
  const { rows } = await client.query<MoveSequence & { last: string | null }>(
    `select c.relname::text as name, d.last_value::text as last, d.is_called as "isCalled",
        q.seqincrement::text as increment, q.seqmin::text as min, q.seqmax::text as max
      from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      join pg_catalog.pg_sequence q on q.seqrelid = c.oid, pg_catalog.pg_get_sequence_data(c.oid) d
      where n.nspname = $1 and c.relkind = 'S' order by c.relname collate "C"`,
    [schema],
  )
  const hidden = rows.find(({ last }) => last === null)
  if (hidden !== undefined) throw new Error(`the value of sequence ${schema}.${hidden.name} cannot be read`)
  return rows
}

/**
 * Statements that bring the target's sequences to these values.
 * @param margin how many values are left out, for those who took one while no lock could stop them (`nextval` takes none on a
 * table); the end of the sequence is never passed
 */
export function setSequenceStatements(schema: string, values: readonly MoveSequence[], margin: number): string[] {
  return values.map((one) => {
    const value = ahead(one, margin)
    const name = pg.escapeLiteral(nameIn(schema, one.name))
    return `select pg_catalog.setval(${name}::pg_catalog.regclass, ${value}, ${margin > 0 || one.isCalled})`
  })
}

function ahead({ last, increment, min, max }: MoveSequence, margin: number): bigint {
  const value = BigInt(last) + BigInt(increment) * BigInt(margin)
  if (value > BigInt(max)) return BigInt(max)
  return value < BigInt(min) ? BigInt(min) : value
}

/** Sequences of the source that the target lacks, or is behind with: it would give a value for the second time. */
export function compareSequences(source: readonly MoveSequence[], target: readonly MoveSequence[]): Difference[] {
  const found = new Map(target.map((one) => [one.name, one]))
  return source.flatMap((one) => {
    const other = found.get(one.name)
    if (other === undefined) return [{ object: one.name, message: `sequence ${one.name} is missing on the target` }]
    const step = BigInt(one.increment)
    const lead = (next(other) - next(one)) * (step < 0n ? -1n : 1n)
    if (lead >= 0n) return []
    const message = `sequence ${one.name} gives ${next(one)} next on the source and ${next(other)} on the target`
    return [{ object: one.name, message }]
  })
}

const next = ({ last, isCalled, increment }: MoveSequence) => BigInt(last) + (isCalled ? BigInt(increment) : 0n)
