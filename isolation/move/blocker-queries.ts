/**
 * What would be lost or broken if a schema were moved. Each query gives `code`, `object`, `message` and `remedy`; `$1` is the schema.
 * The rules were tried on PostgreSQL 18; what is not named here either survives or is handled. Functions that PostgreSQL makes with a
 * type of the schema are no functions of the tenant's.
 */
const parts = `
  s as (select oid, nspname::text as name, nspowner from pg_catalog.pg_namespace where nspname = $1),
  roles as (select nspowner as oid from s union
    select a.grantee from pg_catalog.pg_namespace n join s on s.oid = n.oid, pg_catalog.aclexplode(n.nspacl) a where a.grantee <> 0),
  c as (select c.*, c.oid::pg_catalog.regclass::text as printed from pg_catalog.pg_class c join s on s.oid = c.relnamespace),
  functions as (select f.*, f.oid::pg_catalog.regprocedure::text as printed from pg_catalog.pg_proc f join s on s.oid = f.pronamespace
    where not exists (select from pg_catalog.pg_depend d
      where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = f.oid and d.deptype = 'i')),
  things (classid, objid) as (
    select 'pg_catalog.pg_class'::pg_catalog.regclass::oid, oid from c
    union all select 'pg_catalog.pg_proc'::pg_catalog.regclass, oid from functions
    union all select 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid from pg_catalog.pg_type t join s on s.oid = t.typnamespace
    union all select 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid from pg_catalog.pg_constraint k join s on s.oid = k.connamespace
    union all select 'pg_catalog.pg_rewrite'::pg_catalog.regclass, w.oid from pg_catalog.pg_rewrite w join c on c.oid = w.ev_class
    union all select 'pg_catalog.pg_attrdef'::pg_catalog.regclass, v.oid from pg_catalog.pg_attrdef v join c on c.oid = v.adrelid
    union all select 'pg_catalog.pg_trigger'::pg_catalog.regclass, t.oid from pg_catalog.pg_trigger t join c on c.oid = t.tgrelid
    union all select 'pg_catalog.pg_policy'::pg_catalog.regclass, p.oid from pg_catalog.pg_policy p join c on c.oid = p.polrelid)`

const rowsOf = `from c where c.relkind = 'r'`

/** PostgreSQL looks at this for each leaf; a partitioned parent needs none. */
const replicaIdentity = `
  select 'no_replica_identity', c.printed, 'an UPDATE or DELETE would fail as soon as the table is published: nothing says which row is meant',
    pg_catalog.format('alter table %s add primary key (…), or alter table %1$s replica identity full where that is possible', c.printed)
  ${rowsOf} and c.relpersistence = 'p' and not (c.relreplident = 'f'
    or c.relreplident = 'd' and exists (select from pg_catalog.pg_index i where i.indrelid = c.oid and i.indisprimary and i.indimmediate and i.indisvalid)
    or c.relreplident = 'i' and exists (select from pg_catalog.pg_index i where i.indrelid = c.oid and i.indisreplident and i.indisvalid))`

/** New in PostgreSQL 18: it refuses every UPDATE then, and publishing the column stops the other side, which computes its own. */
const generatedIdentity = `
  select 'generated_identity', pg_catalog.format('%s.%I', c.printed, a.attname),
    'an UPDATE or DELETE would fail as soon as the table is published: the column is generated, and rows would be found by it',
    pg_catalog.format('a primary key over other columns; alter table %s replica identity default', c.printed)
  from c join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and a.attgenerated <> '' and not a.attisdropped
  where c.relkind = 'r' and (c.relreplident = 'f' or exists (
    select from pg_catalog.pg_index i where i.indrelid = c.oid and a.attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1])
      and case c.relreplident when 'd' then i.indisprimary else i.indisreplident end))`

const kinds = `
  select 'unlogged_table', c.printed, 'its changes are not in the log that is replicated', pg_catalog.format('alter table %s set logged', c.printed)
    ${rowsOf} and c.relpersistence = 'u'
  union all
  select 'foreign_table', c.printed, 'its rows are elsewhere, and who reads them there is not known on the target',
    pg_catalog.format('drop foreign table %s, or move it into a schema of its own', c.printed) from c where c.relkind = 'f'
  union all
  select 'invalid_index', i.indexrelid::pg_catalog.regclass::text, 'it was never finished, and would be valid on the target',
    pg_catalog.format('reindex index %s, or drop index %1$s', i.indexrelid::pg_catalog.regclass)
    from c join pg_catalog.pg_index i on i.indrelid = c.oid where not i.indisvalid
  union all
  select 'subscribed_table', c.printed, pg_catalog.format('subscription %I brings rows from elsewhere, which a move leaves out', u.subname),
    pg_catalog.format('alter subscription %I …, without this table', u.subname)
    from c join pg_catalog.pg_subscription_rel r on r.srrelid = c.oid join pg_catalog.pg_subscription u on u.oid = r.srsubid
    where u.subowner <> (select oid from pg_catalog.pg_roles where rolname = current_user)`

const largeObjects = `
  select 'large_objects', r.rolname::text, pg_catalog.format('%s large objects, which lie outside of every schema and would stay behind', pg_catalog.count(*)),
    'write them into a column of type bytea, then select pg_catalog.lo_unlink(oid) from pg_catalog.pg_largeobject_metadata'
  from pg_catalog.pg_largeobject_metadata m join pg_catalog.pg_roles r on r.oid = m.lomowner
  where m.lomowner in (select oid from roles) group by r.rolname`

const ownership = `
  select 'other_owner', what, 'it belongs to ' || owner || ', whose rights the move does not have',
    pg_catalog.format('alter %s %s owner to %I', kind, what, (select rolname from pg_catalog.pg_roles r join s on s.nspowner = r.oid))
  from (
    select case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence' when 'f' then 'foreign table'
        when 'c' then 'type' else 'table' end, c.printed, c.relowner::pg_catalog.regrole::text
      from c join s on s.nspowner <> c.relowner where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f', 'c')
    union all select 'routine', f.printed, f.proowner::pg_catalog.regrole::text from functions f join s on s.nspowner <> f.proowner
    union all select 'type', t.oid::pg_catalog.regtype::text, t.typowner::pg_catalog.regrole::text
      from pg_catalog.pg_type t join s on s.oid = t.typnamespace and s.nspowner <> t.typowner where t.typtype in ('e', 'd', 'r')
  ) as strange (kind, what, owner)`

const elsewhere = `
  select 'prepared_transaction', x.gid, 'it holds its locks until somebody ends it, and no fence gets past them',
    pg_catalog.format('commit prepared %L, or rollback prepared %1$L', x.gid)
  from pg_catalog.pg_prepared_xacts x where x.database = current_database()
  union all
  select 'event_trigger', e.evtname::text, 'it runs at every change of a schema, those of the move included',
    pg_catalog.format('alter event trigger %I disable', e.evtname)
  from pg_catalog.pg_event_trigger e where e.evtenabled <> 'D'`

const code = `
  select 'untrusted_function', f.printed, pg_catalog.format('only a superuser makes functions in language %I, so the target has none', l.lanname),
    pg_catalog.format('drop function %s', f.printed)
  from functions f join pg_catalog.pg_language l on l.oid = f.prolang where not l.lanpltrusted and f.prokind <> 'a'
  union all
  select 'function_needs_search_path', u.printed,
    pg_catalog.format('%s calls it, and it names %s without a schema: replication finds no name that way', u.users, u.named),
    pg_catalog.format('alter routine %s set search_path = %I', u.printed, (select name from s))
  from (
    select f.printed, pg_catalog.string_agg(distinct pg_catalog.pg_describe_object(d.classid, d.objid, 0), ', ') as users, (
      select pg_catalog.min(n.name) from (select c.relname::text from c where c.relkind in ('r', 'p', 'v', 'm', 'S') union select g.proname::text from functions g where g.oid <> f.oid) as n (name)
      where f.prosrc ~* ('(^|[^.[:alnum:]_"])"?' || pg_catalog.regexp_replace(n.name, '([^[:alnum:]_])', '\\\\\\1', 'g') || '"?($|[^[:alnum:]_"])')) as named
    from functions f join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.refobjid = f.oid
    where f.prosqlbody is null and not coalesce(f.proconfig::text like '%search_path=%', false)
      and (d.classid in ('pg_catalog.pg_attrdef'::pg_catalog.regclass, 'pg_catalog.pg_constraint'::pg_catalog.regclass)
        or d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and exists (select from c where c.oid = d.objid and c.relkind in ('i', 'I'))
        or d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass and exists (select from pg_catalog.pg_trigger t where t.oid = d.objid and t.tgenabled in ('A', 'R')))
      and not exists (select from pg_catalog.pg_attrdef v join pg_catalog.pg_attribute a on a.attrelid = v.adrelid and a.attnum = v.adnum
        where v.oid = d.objid and d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass and a.attgenerated = '')
    group by f.oid, f.printed, f.prosrc
  ) as u where u.named is not null`

/** Schema of what a row of `pg_depend` is about, as `classid` and `objid` name it; null for what is in none. */
const schemaOf = (classId: string, objectId: string) => `case ${classId}
  when 'pg_catalog.pg_type'::pg_catalog.regclass then (
    select n.nspname::text from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace where t.oid = ${objectId})
  when 'pg_catalog.pg_constraint'::pg_catalog.regclass then (
    select n.nspname::text from pg_catalog.pg_constraint k join pg_catalog.pg_namespace n on n.oid = k.connamespace where k.oid = ${objectId})
  else (pg_catalog.pg_identify_object_as_address(${classId}, ${objectId}, 0)).object_names[1] end`

const inSchemas = `('pg_catalog.pg_class'::pg_catalog.regclass, 'pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_type'::pg_catalog.regclass,
  'pg_catalog.pg_rewrite'::pg_catalog.regclass, 'pg_catalog.pg_constraint'::pg_catalog.regclass, 'pg_catalog.pg_attrdef'::pg_catalog.regclass,
  'pg_catalog.pg_trigger'::pg_catalog.regclass, 'pg_catalog.pg_policy'::pg_catalog.regclass)`

/**
 * Dependencies across the border of the schema, both ways. What belongs to an extension, or to the platform in every database, is
 * on the target too. Functions whose body is a string are not seen here; the refusing triggers stop those.
 */
const outside = `
  select 'outside_dependency', coalesce('view ' || (select w.ev_class from pg_catalog.pg_rewrite w
      where d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and w.oid = d.objid)::pg_catalog.regclass::text,
      pg_catalog.pg_describe_object(d.classid, d.objid, 0)),
    pg_catalog.format(case when o.of = (select name from s) then 'it uses what is outside of the schema and stays behind: %s'
      else 'it is outside of the schema, and uses what moves away: %s' end,
      pg_catalog.string_agg(distinct pg_catalog.pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid), ', ')),
    case when o.of = (select name from s) then 'make what it uses a part of the schema by a migration'
      else 'drop it, or make it a part of the schema by a migration' end
  from (
    select d.* from things t join pg_catalog.pg_depend d on d.refclassid = t.classid and d.refobjid = t.objid
    where d.refclassid in ('pg_catalog.pg_class'::pg_catalog.regclass, 'pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_type'::pg_catalog.regclass)
    union
    select d.* from pg_catalog.pg_depend d join things using (classid, objid), s, lateral (select ${schemaOf('d.refclassid', 'd.refobjid')} as of) as r
    where d.refclassid in ('pg_catalog.pg_class'::pg_catalog.regclass, 'pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_type'::pg_catalog.regclass)
      and r.of not in (s.name, 'pg_catalog', 'information_schema', 'pg_toast', 'freehold', 'tenancy')
      and not exists (select from pg_catalog.pg_depend e where e.classid = d.refclassid and e.objid = d.refobjid and e.deptype = 'e')
  ) as d, s, lateral (select ${schemaOf('d.classid', 'd.objid')} as of) as o, lateral (select ${schemaOf('d.refclassid', 'd.refobjid')} as of) as r
  where d.classid in ${inSchemas} and d.deptype in ('n', 'a') and (o.of = s.name) <> (r.of = s.name)
  group by d.classid, d.objid, o.of`

const all = [replicaIdentity, generatedIdentity, kinds, largeObjects, ownership, elsewhere, code, outside]

/** Everything in one question: what is wrong with a schema. */
export const schemaBlockers = `with ${parts} select * from (${all.map((query) => `(${query})`).join(' union all ')})
  as found (code, object, message, remedy) order by code, object collate "C", message collate "C"`
