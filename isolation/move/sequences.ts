import pg from 'pg'
import { nameIn } from '../mappers/database/tables.ts'

/** A sequence: where it is, and by how much it counts. */
export type SequenceValue = {
  readonly name: string
  readonly last: string
  readonly isCalled: boolean
  readonly increment: string
  readonly min: string
  readonly max: string
}

/** All sequences of a schema, owned by a column or not, in one query. */
export async function readSequenceValues(client: pg.ClientBase, schema: string): Promise<SequenceValue[]> {
  const { rows } = await client.query<SequenceValue>(
    `select c.relname::text as name, d.last_value::text as last, d.is_called as "isCalled", q.seqincrement::text as increment,
        q.seqmin::text as min, q.seqmax::text as max
      from pg_catalog.pg_class c join pg_catalog.pg_sequence q on q.seqrelid = c.oid, pg_catalog.pg_get_sequence_data(c.oid) d
      where c.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = $1) order by 1`,
    [schema],
  )
  return rows
}

/**
 * How many values are left out: a fence stops writers of tables, and not who takes a value of a sequence alone. As many as a
 * crash of PostgreSQL may leave out.
 */
const margin = 32n

/** Statements that put sequences behind every value that was given. */
export function setSequenceStatements(schema: string, values: readonly SequenceValue[]): string[] {
  return values.map(({ name, last, isCalled, increment, min, max }) => {
    const [step, low, high] = [BigInt(increment), BigInt(min), BigInt(max)]
    const wanted = isCalled ? BigInt(last) + margin * step : BigInt(last)
    const to = wanted > high || wanted < low ? BigInt(last) : wanted
    return `select pg_catalog.setval(${pg.escapeLiteral(nameIn(schema, name))}::pg_catalog.regclass, ${to}, ${isCalled})`
  })
}
