import type { Client } from 'pg'

/** A column of a table that has rows of its own, and what its type means for a move: arrays, domains, composites and ranges are looked into. */
export type MoveColumn = {
  readonly table: string
  readonly name: string
  /** Computed by PostgreSQL on either side; not copied, but hashed. */
  readonly isGenerated: boolean
  /** Its own hash would differ on equal rows, or be the same on different ones, or there is none. */
  readonly isHashedAsText: boolean
  /** What has no equality cannot be found again under REPLICA IDENTITY FULL. */
  readonly hasEquality: boolean
  /** Whether its binary form means the same in another database. */
  readonly isBinary: boolean
  /** Holds numbers of things outside of the schema: of large objects, as a rule (type `lo` is one). */
  readonly holdsIds: boolean
}

const isArray = `t.typelem <> 0 and t.typsubscript = 'pg_catalog.array_subscript_handler'::pg_catalog.regproc`

/** A type's default operator class, found as PostgreSQL does: by itself or by a cast that changes no bit. */
const defaultClass = (method: string) => `from pg_catalog.pg_opclass o
  join pg_catalog.pg_am m on m.oid = o.opcmethod and m.amname ${method} where o.opcdefault and (o.opcintype = t.oid
    or exists (select from pg_catalog.pg_cast k where k.castsource = t.oid and k.casttarget = o.opcintype
      and k.castmethod = 'b' and k.castcontext = 'i'))`

/** Names of things elsewhere: the binary form is their number in this one database. */
const isAlias = `(t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace and t.typname like 'reg%' and t.typcategory = 'N')`

/**
 * Types whose equality is wider than "the same" (1.0 and 1.00, a month and 30 days), and all that are not PostgreSQL's own: an enum
 * hashes its number, which is another in each database, and citext all letters alike.
 */
const isLoose = `(${isAlias} or t.typnamespace <> 'pg_catalog'::pg_catalog.regnamespace
  or t.typname in ('numeric', 'interval', 'aclitem')
  or not exists (select ${defaultClass(`= 'hash'`)} and exists (select from pg_catalog.pg_amproc x
    where x.amprocfamily = o.opcfamily and x.amproclefttype = o.opcintype and x.amprocnum = 2)))`

const query = `
  with recursive columns as (
    select c.relname::text as "table", a.attname::text as name, a.attgenerated <> '' as "isGenerated", a.attnum,
      a.atttypid as root, exists (select from pg_catalog.pg_collation l where l.oid = a.attcollation
        and not l.collisdeterministic) as is_wide
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where n.nspname = $1 and c.relkind = 'r'),
  parts (root, type) as (
    select root, root from columns
    union
    select p.root, inner_.type from parts p join pg_catalog.pg_type t on t.oid = p.type cross join lateral (
      select t.typbasetype where t.typtype = 'd'
      union all select t.typelem where ${isArray}
      union all select a.atttypid from pg_catalog.pg_attribute a
        where t.typtype = 'c' and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
      union all select r.rngsubtype from pg_catalog.pg_range r where t.oid in (r.rngtypid, r.rngmultitypid)
    ) as inner_ (type)),
  facts as (
    select p.root,
      pg_catalog.bool_or(${isLoose}) as is_loose,
      pg_catalog.bool_and(t.typtype = 'e' or exists (select ${defaultClass(`in ('btree', 'hash')`)})) as has_equality,
      pg_catalog.bool_and(t.typsend <> 0 and t.typreceive <> 0 and not ${isAlias}) as is_binary,
      pg_catalog.bool_or(t.oid = 'pg_catalog.oid'::pg_catalog.regtype) as holds_ids
    from parts p join pg_catalog.pg_type t on t.oid = p.type
    where t.typtype in ('b', 'e') and not (${isArray}) group by p.root)
  select "table", name, "isGenerated", coalesce(f.is_loose, false) or is_wide as "isHashedAsText",
    coalesce(f.has_equality, true) as "hasEquality", coalesce(f.is_binary, true) as "isBinary",
    coalesce(f.holds_ids, false) as "holdsIds"
  from columns left join facts f using (root) order by "table" collate "C", attnum`

/** The columns of a schema's tables (partitions, not their parents), by table and in order. */
export async function readMoveColumns(client: Client, schema: string): Promise<MoveColumn[]> {
  const { rows } = await client.query<MoveColumn>(query, [schema])
  return rows
}
