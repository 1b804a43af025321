import pg, { type Client } from 'pg'
import type { Migration } from '../../../base/migration-source.ts'
import type { InventoryOf } from '../../../domain/archive.ts'
import { FreeholdError } from '../../../domain/errors.ts'
import { once } from '../../archives/cold-storage.ts'
import type { ArchiveWriter } from '../../archives/parts.ts'
import type { Target } from '../../mapper.ts'
import { together, type Connections } from './connections.ts'
import { translated } from './errors.ts'
import { staleColumn } from './generated.ts'
import { createKeys } from './migration-records.ts'
import { appliedOf, writeMigrations } from './migration-set.ts'
import { asOwner } from './owner-session.ts'
import { rehearse } from './rehearse.ts'
import { differences, readStructure } from './structure.ts'
import { beginSnapshot, copyOut, filledViews, listTables, readSequences, unforced } from './tables.ts'

type DatabaseTarget = Target<'database'>
type DatabaseInventory = InventoryOf<'database'>

/** How many things are named that an archive could not bring back. */
const named = 5

/**
 * Writes everything in a tenant's schema to an archive, as the tenant's owner role: the scripts that make the schema, and the
 * rows as text, all of one snapshot. The scripts are tried out first: what they do not make could not be brought back, and is
 * refused by name.
 */
export async function exportDatabase(
  connections: Connections,
  target: DatabaseTarget,
  to: ArchiveWriter,
  offered: readonly Migration[],
): Promise<DatabaseInventory> {
  return translated(target, async () => {
    const migrations = await asOwner(connections, target, (client) => appliedOf(client, target, offered))
    const made = await rehearse(connections, target, migrations)
    return await asOwner(connections, target, async (client) => {
      // A schema that was made before there was this table gets it with its next script, and may have had none since.
      if (migrations.length > 0) await together(client, ...createKeys(target.spec.properties))
      const structure = await sameStructure(client, target, made)
      await refuseLargeObjects(client, target)
      const data = await exportRows(client, target, to)
      const scripts =
        migrations.length === 0 ? null : await to.put('migrations', once(Buffer.from(writeMigrations(migrations))))
      return { kind: 'database', migrations: scripts, structure, ...data }
    })
  })
}

/** What there is, when it is what the scripts make. Throws `archive_unsupported`, naming what is not. */
async function sameStructure(client: Client, { spec }: DatabaseTarget, made: readonly string[]): Promise<string[]> {
  const found = await readStructure(client, spec.properties.schema)
  const strange = [
    ...differences(found, made).map((line) => `there is ${line}`),
    ...differences(made, found).map((line) => `there is no ${line}`),
  ]
  if (strange.length === 0) return found
  const more = strange.length > named ? `; and ${strange.length - named} more` : ''
  throw new FreeholdError(
    'archive_unsupported',
    `${spec.name} is not what its migration set makes, so that it could not be brought back: ${strange.slice(0, named).join('; ')}${more}. Write it into a migration, or undo it`,
    { details: strange.map((message) => ({ path: spec.name, message })) },
  )
}

/** They lie outside of every schema. Nobody can make one in a database that was prepared; one from before is not forgotten. */
async function refuseLargeObjects(client: Client, { spec }: DatabaseTarget): Promise<void> {
  const roles = [spec.properties.ownerRole, spec.properties.appRole].map(pg.escapeLiteral)
  const { rowCount } = await client.query(
    `select from pg_catalog.pg_largeobject_metadata m join pg_catalog.pg_roles r on r.oid = m.lomowner
      where r.rolname in (${roles.join(', ')}) limit 1`,
  )
  if (rowCount !== 0)
    throw new FreeholdError(
      'archive_unsupported',
      `${spec.name} has large objects, which no archive can hold; move them to the object store, then retry`,
    )
}

async function exportRows(
  client: Client,
  { spec }: DatabaseTarget,
  to: ArchiveWriter,
): Promise<Pick<DatabaseInventory, 'tables' | 'sequences' | 'filledViews'>> {
  const { schema } = spec.properties
  await beginSnapshot(client)
  const found = await listTables(client, schema)
  await together(client, 'select', ...unforced(found, schema))
  const stale = await staleColumn(client, schema)
  if (stale !== undefined)
    throw new FreeholdError(
      'archive_unsupported',
      `the generated column ${stale} of ${spec.name} holds what its expression does not give any more, so that it could not be brought back; write its rows anew, then retry`,
    )
  const tables = []
  for (const [index, { name, columns }] of found.entries()) {
    const rows = copyOut(client, schema, { name, columns })
    const part = await to.put(`table-${index + 1}`, rows)
    tables.push({ name, columns: [...columns], rows: rows.rowCount, part })
  }
  const sequences = await readSequences(client, schema)
  const filled = await filledViews(client, schema)
  await together(client, 'rollback', 'reset all')
  return { tables, sequences: [...sequences], filledViews: filled }
}
