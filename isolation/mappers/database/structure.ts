import type { Client } from 'pg'

/**
 * What a schema is made of, a line for each thing, in a stable order and without the name of the schema, so that two schemas
 * can be compared. What PostgreSQL prints depends on the search path, so the session has that of the schema.
 */
export async function readStructure(client: Client, schema: string): Promise<string[]> {
  const { rows } = await client.query<{ line: string }>(
    `with s as (select oid, nspname::text as name, nspowner from pg_catalog.pg_namespace where nspname = $1),
      c as (select c.*, c.oid::pg_catalog.regclass::text as printed from pg_catalog.pg_class c join s on s.oid = c.relnamespace)
      select distinct replace(line, s.name, '') as line from s, (${lines.join('\nunion all\n')}) as l (line)
      order by 1`,
    [schema],
  )
  // Sorted here, because the order of the server depends on its collation.
  return rows.map(({ line }) => line).toSorted()
}

/** Things of one schema and not of the other. */
export function differences(one: readonly string[], other: readonly string[]): string[] {
  const known = new Set(other)
  return one.filter((line) => !known.has(line))
}

const hashed = (text: string) => `pg_catalog.md5(pg_catalog.replace(${text}, s.name, ''))`

const lines = [
  // Composite types too, and sequences with what they count by.
  `select pg_catalog.format('relation %I: kind %s, %s', c.relname, c.relkind, c.relpersistence)
      || case when c.relowner <> s.nspowner then ', of another owner' else '' end
      || case when c.relrowsecurity then ', row security' else '' end
      || case when c.relforcerowsecurity then ', forced' else '' end
      || coalesce(', by ' || pg_catalog.pg_get_partkeydef(c.oid), '')
      || coalesce(', part of ' || (select pg_catalog.string_agg(i.inhparent::pg_catalog.regclass::text, ', ' order by i.inhseqno)
        from pg_catalog.pg_inherits i where i.inhrelid = c.oid) || ' ', '')
      || coalesce(pg_catalog.pg_get_expr(c.relpartbound, c.oid), '')
      || coalesce(' with ' || c.reloptions::text, '')
      || coalesce((select pg_catalog.format(', from %s by %s, %s to %s, cache %s, cycle %s', q.seqstart, q.seqincrement, q.seqmin,
        q.seqmax, q.seqcache, q.seqcycle) from pg_catalog.pg_sequence q where q.seqrelid = c.oid), '')
      || case when c.relkind in ('v', 'm') then ', ' || ${hashed('pg_catalog.pg_get_viewdef(c.oid, true)')} else '' end
    from c, s where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f', 'c')`,
  `select pg_catalog.format('column %I.%I: %s', c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod))
      || case when a.attnotnull then ' not null' else '' end
      || coalesce(' identity ' || nullif(a.attidentity::text, ''), '')
      || coalesce(' generated ' || nullif(a.attgenerated::text, ''), '')
      || coalesce(' default ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid), '')
      || coalesce(' collate ' || (select k.collname::text from pg_catalog.pg_collation k join pg_catalog.pg_type t on t.oid = a.atttypid
        where k.oid = a.attcollation and k.oid <> t.typcollation), '')
    from c join pg_catalog.pg_attribute a on a.attrelid = c.oid
    left join pg_catalog.pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where c.relkind in ('r', 'p', 'c', 'f') and a.attnum > 0 and not a.attisdropped`,
  `select pg_catalog.format('constraint %I of %s: %s', k.conname,
      coalesce(nullif(k.conrelid, 0)::pg_catalog.regclass::text, k.contypid::pg_catalog.regtype::text),
      pg_catalog.pg_get_constraintdef(k.oid, true))
    from pg_catalog.pg_constraint k join s on s.oid = k.connamespace`,
  `select pg_catalog.format('index %s: %s', c.printed, pg_catalog.pg_get_indexdef(c.oid, 0, true))
      || case when i.indisvalid then '' else ', invalid' end
      || case when i.indisreplident then ', replica identity' else '' end
    from c join pg_catalog.pg_index i on i.indexrelid = c.oid`,
  `select pg_catalog.format('trigger %s, %s', pg_catalog.pg_get_triggerdef(t.oid, true), t.tgenabled)
    from c join pg_catalog.pg_trigger t on t.tgrelid = c.oid where not t.tgisinternal`,
  `select pg_catalog.format('rule %s, %s', pg_catalog.pg_get_ruledef(r.oid, true), r.ev_enabled)
    from c join pg_catalog.pg_rewrite r on r.ev_class = c.oid where r.rulename <> '_RETURN'`,
  `select pg_catalog.format('policy %I on %s: %s %s using %s check %s', p.polname, c.printed, p.polcmd, p.polpermissive,
      pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))
    from c join pg_catalog.pg_policy p on p.polrelid = c.oid`,
  `select pg_catalog.format('function %I(%s): %s', f.proname, pg_catalog.pg_get_function_identity_arguments(f.oid),
      case f.prokind when 'a' then 'aggregate' else ${hashed('pg_catalog.pg_get_functiondef(f.oid)')} end)
    from pg_catalog.pg_proc f join s on s.oid = f.pronamespace`,
  `select pg_catalog.format('type %I: %s', t.typname, t.typtype)
      || coalesce((select ' ' || pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
        from pg_catalog.pg_enum e where e.enumtypid = t.oid), '')
      || case when t.typtype = 'd' then ' ' || pg_catalog.format_type(t.typbasetype, t.typtypmod)
        || case when t.typnotnull then ' not null' else '' end || coalesce(' default ' || t.typdefault, '') else '' end
    from pg_catalog.pg_type t join s on s.oid = t.typnamespace where t.typtype in ('e', 'd', 'r')`,
  `select 'statistics ' || pg_catalog.pg_get_statisticsobjdef(x.oid)
    from pg_catalog.pg_statistic_ext x join s on s.oid = x.stxnamespace`,
]
