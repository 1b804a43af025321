/** Rows of what is put aside: how it goes, how it comes back, and SQL that is true once it is back. `$1` is the schema. */
export type AsideRow = {
  readonly title: string
  readonly drop: string
  readonly build: string
  readonly built: string
  /** Roughly, on the source; null where nothing is stored. */
  readonly bytes: string | null
  /** How deep in a tree of partitions, from 0. */
  readonly level: number
}

const tables = `
  s as (select oid from pg_catalog.pg_namespace where nspname = $1),
  c as (select c.oid, c.oid::pg_catalog.regclass as printed, c.relkind from pg_catalog.pg_class c join s on s.oid = c.relnamespace
    where c.relkind in ('r', 'p'))`

const levelOf = (index: string) => `coalesce((
  select level from pg_catalog.pg_partition_tree(pg_catalog.pg_partition_root(${index})) where relid = ${index}), 0)`

/** Something stands on it by name, so that it cannot be dropped alone: a view, or a function with a parsed body. */
const isStoodOn = (classOf: string, oid: string) => `exists (select from pg_catalog.pg_depend d
  where d.refclassid = 'pg_catalog.${classOf}'::pg_catalog.regclass and d.refobjid = ${oid} and d.deptype = 'n'
    and d.classid in ('pg_catalog.pg_rewrite'::pg_catalog.regclass, 'pg_catalog.pg_proc'::pg_catalog.regclass))`

/** Whether an index, or one of its partitions, is what replication finds rows by. */
const isIdentity = (index: string) => `exists (
  select from pg_catalog.pg_index r where r.indisreplident and (r.indexrelid = ${index}
    or r.indexrelid in (select relid from pg_catalog.pg_partition_tree(${index}))))`

const builtConstraint = `pg_catalog.format(
  'exists (select from pg_catalog.pg_constraint where conrelid = %L::pg_catalog.regclass and conname = %L)', c.printed, k.conname)`

/**
 * Indexes that no constraint is made of, each as it stands: those of partitions too, so that all keep their names. One on a
 * partitioned table is ONLY there until its partitions are attached.
 */
export const indexesAside = `with ${tables}
  select pg_catalog.format('index %s', i.indexrelid::pg_catalog.regclass) as title,
    pg_catalog.format('drop index if exists %s', i.indexrelid::pg_catalog.regclass) as drop,
    pg_catalog.pg_get_indexdef(i.indexrelid) as build,
    pg_catalog.format('pg_catalog.to_regclass(%L) is not null', i.indexrelid::pg_catalog.regclass) as built,
    case c.relkind when 'r' then pg_catalog.pg_relation_size(i.indexrelid)::text end as bytes,
    ${levelOf('i.indexrelid')} as level
  from c join pg_catalog.pg_index i on i.indrelid = c.oid
  where not i.indisprimary and not exists (select from pg_catalog.pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x'))
    and not ${isIdentity('coalesce(pg_catalog.pg_partition_root(i.indexrelid), i.indexrelid)')}
  order by c.relkind = 'p', pg_catalog.pg_relation_size(i.indexrelid) desc, 1`

/** Unique and exclusion constraints, likewise. */
export const constraintsAside = `with ${tables}
  select pg_catalog.format('constraint %I of %s', k.conname, c.printed) as title,
    pg_catalog.format('alter table if exists %s drop constraint if exists %I', c.printed, k.conname) as drop,
    pg_catalog.format('alter table only %s add constraint %I %s', c.printed, k.conname, pg_catalog.pg_get_constraintdef(k.oid)) as build,
    ${builtConstraint} as built,
    case c.relkind when 'r' then pg_catalog.pg_relation_size(k.conindid)::text end as bytes,
    ${levelOf('k.conindid')} as level
  from c join pg_catalog.pg_constraint k on k.conrelid = c.oid
  where k.contype in ('u', 'x') and not ${isStoodOn('pg_constraint', 'k.oid')}
    and not ${isIdentity('coalesce(pg_catalog.pg_partition_root(k.conindid), k.conindid)')}
  order by c.relkind = 'p', pg_catalog.pg_relation_size(k.conindid) desc, 1`

/** What joins the indexes of partitions to that of their parent; without it that one stays invalid. From the leaves up. */
export const attachments = `with ${tables}
  select pg_catalog.format('index %s of its partition', i.indexrelid::pg_catalog.regclass) as title,
    pg_catalog.format('alter index %s attach partition %s', h.inhparent::pg_catalog.regclass, i.indexrelid::pg_catalog.regclass) as build,
    pg_catalog.format('exists (select from pg_catalog.pg_inherits where inhrelid = %L::pg_catalog.regclass)', i.indexrelid::pg_catalog.regclass) as built
  from c join pg_catalog.pg_index i on i.indrelid = c.oid join pg_catalog.pg_inherits h on h.inhrelid = i.indexrelid
  where not i.indisprimary and not ${isIdentity('pg_catalog.pg_partition_root(i.indexrelid)')}
  order by ${levelOf('i.indexrelid')} desc, 1`

/** Marks on what is made anew that its statement does not say. */
export const marks = `with ${tables}
  select pg_catalog.format('cluster mark of %s', c.printed) as title,
    pg_catalog.format('alter table %s cluster on %I', c.printed, x.relname) as build
  from c join pg_catalog.pg_index i on i.indrelid = c.oid join pg_catalog.pg_class x on x.oid = i.indexrelid where i.indisclustered
  union all
  select pg_catalog.format('comment on %s', i.indexrelid::pg_catalog.regclass),
    pg_catalog.format('comment on index %s is %L', i.indexrelid::pg_catalog.regclass, pg_catalog.obj_description(i.indexrelid, 'pg_class'))
  from c join pg_catalog.pg_index i on i.indrelid = c.oid where pg_catalog.obj_description(i.indexrelid, 'pg_class') is not null
  union all
  select pg_catalog.format('comment on %I', k.conname),
    pg_catalog.format('comment on constraint %I on %s is %L', k.conname, c.printed, pg_catalog.obj_description(k.oid, 'pg_constraint'))
  from c join pg_catalog.pg_constraint k on k.conrelid = c.oid where pg_catalog.obj_description(k.oid, 'pg_constraint') is not null
  order by 1, 2`

/**
 * Foreign keys, and checks that call a function: it may look into tables that are filled later, or find its names by a search path
 * that replication does not have. Those of a partition or child follow the parent.
 */
export const checksAside = `with ${tables}
  select pg_catalog.format('constraint %I of %s', k.conname, c.printed) as title,
    pg_catalog.format('alter table if exists %s drop constraint if exists %I', c.printed, k.conname) as drop,
    pg_catalog.format('alter table %s add constraint %I %s', c.printed, k.conname, pg_catalog.pg_get_constraintdef(k.oid)) as build,
    ${builtConstraint} as built, null::text as bytes, 0 as level
  from c join pg_catalog.pg_constraint k on k.conrelid = c.oid
  where k.conparentid = 0 and k.coninhcount = 0 and (k.contype = 'f' or k.contype = 'c' and exists (
    select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass and d.objid = k.oid
      and d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass))
  order by k.contype desc, c.printed::text, k.conname`

/** Triggers that fire for replicated rows too, with what puts them to sleep and wakes them. */
export const alwaysTriggers = `with ${tables}
  select pg_catalog.format('alter table only %s disable trigger %I', c.printed, t.tgname) as quiet,
    pg_catalog.format('alter table only %s enable %s trigger %I', c.printed,
      case t.tgenabled when 'A' then 'always' else 'replica' end, t.tgname) as wake
  from c join pg_catalog.pg_trigger t on t.tgrelid = c.oid
  where not t.tgisinternal and t.tgenabled in ('A', 'R') order by c.printed::text, t.tgname`
