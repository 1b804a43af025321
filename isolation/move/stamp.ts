import pg from 'pg'

const stampOf = (catalogue: string, of: string, condition: string) =>
  `select '${catalogue}', c.${of}, c.xmin::text, c.ctid::text from pg_catalog.${catalogue} c where ${condition}`

/**
 * SQL for a stamp of a schema's catalogue: another one after any DDL in it. Much cheaper than a comparison of what the schema
 * is made of, so that it can be taken inside the pause. Statistics and vacuum write in place and do not change it.
 */
export function stampStatement(schema: string): string {
  const name = pg.escapeLiteral(schema)
  const relations = `(select r.oid from pg_catalog.pg_class r where r.relnamespace = ${name}::pg_catalog.regnamespace)`
  const rows = [
    stampOf('pg_class', 'oid', `c.relnamespace = ${name}::pg_catalog.regnamespace and c.relkind <> 'S'`),
    stampOf('pg_attribute', 'attnum', `c.attrelid in ${relations} and c.attnum > 0`),
    stampOf('pg_constraint', 'oid', `c.connamespace = ${name}::pg_catalog.regnamespace`),
    stampOf('pg_type', 'oid', `c.typnamespace = ${name}::pg_catalog.regnamespace`),
    stampOf('pg_proc', 'oid', `c.pronamespace = ${name}::pg_catalog.regnamespace`),
    stampOf('pg_trigger', 'oid', `c.tgrelid in ${relations} and c.tgname <> '_moved'`),
    stampOf('pg_policy', 'oid', `c.polrelid in ${relations}`),
  ]
  return `select pg_catalog.md5(pg_catalog.string_agg(s::text, ',' order by s::text)) as stamp from (${rows.join(' union all ')}) s`
}
