import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import pg, { type Client } from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { InventoryOf } from '../../../domain/archive.ts'
import { FreeholdError } from '../../../domain/errors.ts'
import type { JsonObject } from '../../../domain/json.ts'
import type { ArchiveReader } from '../../archives/parts.ts'
import type { Target } from '../../mapper.ts'
import { together, type Connections } from './connections.ts'
import { translated } from './errors.ts'
import { migrateDatabase } from './migrate.ts'
import { readMigrations } from './migration-set.ts'
import { asOwner } from './owner-session.ts'
import { beginWriting, copied, forced, listTables, nameIn, unforced } from './tables.ts'

type DatabaseTarget = Target<'database'>
type DatabaseInventory = InventoryOf<'database'>

/**
 * Brings an archived schema back, as the tenant's owner role: its scripts first, then, in one transaction, its rows in place
 * of what the scripts have put in. Checks between rows of several tables are taken off meanwhile and hold again at the end;
 * triggers do not fire. Run again it gives the same.
 */
export async function importDatabase(
  connections: Connections,
  target: DatabaseTarget,
  from: ArchiveReader,
  { migrations, tables, sequences, filledViews }: DatabaseInventory,
): Promise<JsonObject> {
  const { schema } = target.spec.properties
  return translated(target, async () => {
    const scripts = migrations === null ? [] : readMigrations(await from.read(migrations, text))
    if (scripts.length > 0) await migrateDatabase(connections, target, scripts)
    await asOwner(connections, target, async (client) => {
      await beginWriting(client)
      const known = await listTables(client, schema)
      refuseMissing(target, tables, known)
      const aside = await setAside(client, schema)
      await together(client, ...aside.before, ...unforced(known, schema), ...emptied(tables, schema))
      // Names in what the tenant's own checks do are found as they are found when the tenant writes.
      await client.query(`set local search_path = ${pg.escapeIdentifier(schema)}`)
      for (const table of tables)
        await from.read(table.part, (plain) =>
          pipeline(plain, client.query(copyFrom(`copy ${copied(schema, table)} from stdin`))),
        )
      const values = sequences.map(
        ({ name, last, isCalled }) =>
          `select pg_catalog.setval(${pg.escapeLiteral(nameIn(schema, name))}::pg_catalog.regclass, ${BigInt(last)}, ${isCalled})`,
      )
      const views = filledViews.map((name) => `refresh materialized view ${nameIn(schema, name)}`)
      await together(client, 'select', ...values, ...forced(known, schema), ...aside.after, ...views, 'commit')
      if (tables.length > 0) await client.query(`analyze ${tables.map(({ name }) => nameIn(schema, name)).join(', ')}`)
    })
    return { schemaVersion: scripts.at(-1)?.version ?? null }
  })
}

function refuseMissing(
  { spec }: DatabaseTarget,
  tables: DatabaseInventory['tables'],
  known: readonly { name: string }[],
): void {
  const missing = tables.find(({ name }) => !known.some((one) => one.name === name))
  if (missing !== undefined)
    throw new FreeholdError(
      'restore_differs',
      `the scripts of the archive make no table ${missing.name} in ${spec.name}; nothing was brought back`,
    )
}

/** In one statement, because they may refer to each other. */
function emptied(tables: DatabaseInventory['tables'], schema: string): string[] {
  if (tables.length === 0) return []
  return [`truncate ${tables.map(({ name }) => `only ${nameIn(schema, name)}`).join(', ')}`]
}

/**
 * Statements that take off what stands in the way of rows in any order, and those that put it back as it was: foreign keys,
 * checks (that hold for new rows alone, or look into other tables), and triggers, each with when it fires.
 */
async function setAside(client: Client, schema: string): Promise<{ before: string[]; after: string[] }> {
  const { rows: constraints } = await client.query<{ off: string; on: string }>(
    `select pg_catalog.format('alter table %s drop constraint %I', k.conrelid::pg_catalog.regclass, k.conname) as off,
        pg_catalog.format('alter table %s add constraint %I %s', k.conrelid::pg_catalog.regclass, k.conname,
          pg_catalog.pg_get_constraintdef(k.oid)) as "on"
      from pg_catalog.pg_constraint k join pg_catalog.pg_namespace n on n.oid = k.connamespace
      where n.nspname = $1 and k.conrelid <> 0 and k.conparentid = 0 and k.coninhcount = 0
        and k.contype in ('f', 'c')
      order by k.contype, k.oid`,
    [schema],
  )
  // Checks of a domain likewise, where they call a function, which may look into tables. PostgreSQL cannot put one back that is
  // used inside of another type, and such a one stays.
  const { rows: domains } = await client.query<{ off: string; on: string }>(
    `select pg_catalog.format('alter domain %s drop constraint %I', t.oid::pg_catalog.regtype, k.conname) as off,
        pg_catalog.format('alter domain %s add constraint %I %s', t.oid::pg_catalog.regtype, k.conname,
          pg_catalog.pg_get_constraintdef(k.oid)) as "on"
      from pg_catalog.pg_constraint k join pg_catalog.pg_type t on t.oid = k.contypid
      join pg_catalog.pg_namespace n on n.oid = k.connamespace
      where n.nspname = $1 and k.contype = 'c'
        and exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
          and d.objid = k.oid and d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass)
        and not exists (select from pg_catalog.pg_depend d where d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass
          and d.refobjid in (t.oid, t.typarray) and d.deptype = 'n' and (d.refobjid = t.typarray
            or d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass or exists (
              select from pg_catalog.pg_class c where c.oid = d.objid and c.relkind = 'c')))
      order by k.oid`,
    [schema],
  )
  const { rows: triggers } = await client.query<{ off: string; on: string }>(
    `select pg_catalog.format('alter table only %s disable trigger %I', t.tgrelid::pg_catalog.regclass, t.tgname) as off,
        pg_catalog.format('alter table only %s %s trigger %I', t.tgrelid::pg_catalog.regclass,
          case t.tgenabled when 'A' then 'enable always' when 'R' then 'enable replica' else 'enable' end, t.tgname) as "on"
      from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and not t.tgisinternal and t.tgenabled <> 'D' order by t.oid`,
    [schema],
  )
  const all = [...constraints, ...domains, ...triggers]
  return { before: all.map(({ off }) => off), after: all.map((one) => one.on) }
}
