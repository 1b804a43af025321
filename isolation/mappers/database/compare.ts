import { createHash } from 'node:crypto'
import type { Client } from 'pg'
import type { InventoryOf } from '../../../domain/archive.ts'
import { FreeholdError } from '../../../domain/errors.ts'
import type { Target } from '../../mapper.ts'
import { together, type Connections } from './connections.ts'
import { translated } from './errors.ts'
import { staleColumn } from './generated.ts'
import { keysTable } from './migration-records.ts'
import { asOwner } from './owner-session.ts'
import { differences, readStructure } from './structure.ts'
import { beginSnapshot, copyOut, filledViews, listTables, readSequences, unforced } from './tables.ts'

type DatabaseTarget = Target<'database'>
type DatabaseInventory = InventoryOf<'database'>

/**
 * Proves that a schema is what an archive says: made of the same things, every table with the same rows in the same order by
 * the hash of their text, and every sequence where it was.
 */
export async function compareDatabase(
  connections: Connections,
  target: DatabaseTarget,
  listed: DatabaseInventory,
): Promise<void> {
  const { schema } = target.spec.properties
  return translated(target, () =>
    asOwner(connections, target, async (client) => {
      const isKept = keptIn(listed)
      const found = (await readStructure(client, schema)).filter(isKept)
      const [strange] = [...differences(found, listed.structure), ...differences(listed.structure, found)]
      if (strange !== undefined) throw differs(target, `what it is made of is another: ${strange}`)
      await beginSnapshot(client)
      const tables = (await listTables(client, schema)).filter(({ name }) => isKept(name))
      if (tables.length !== listed.tables.length) throw differs(target, 'it has other tables')
      await together(client, 'select', ...unforced(tables, schema))
      for (const table of listed.tables) {
        const { rows, sha256 } = await hashOf(client, schema, table)
        if (rows !== table.rows) throw differs(target, `table ${table.name} has ${rows} rows, and had ${table.rows}`)
        if (sha256 !== table.part.sha256) throw differs(target, `table ${table.name} has other rows`)
      }
      const stale = await staleColumn(client, schema)
      if (stale !== undefined) throw differs(target, `the generated column ${stale} was computed from other values`)
      const values = JSON.stringify(await readSequences(client, schema))
      if (values !== JSON.stringify(listed.sequences)) throw differs(target, 'its sequences have other values')
      const views = await filledViews(client, schema)
      if (views.toSorted().join() !== listed.filledViews.toSorted().join())
        throw differs(target, 'other materialized views are filled')
      await together(client, 'rollback')
    }),
  )
}

/**
 * Tells what an archive would have: one that was written before schemas had a table of keys has nothing of that table, which the
 * import has made, empty.
 */
function keptIn({ tables }: DatabaseInventory): (text: string) => boolean {
  const hasKeys = tables.some(({ name }) => name === keysTable)
  return (text) => hasKeys || !text.includes(keysTable)
}

async function hashOf(client: Client, schema: string, table: DatabaseInventory['tables'][number]) {
  const hash = createHash('sha256')
  const rows = copyOut(client, schema, table)
  for await (const chunk of rows) hash.update(chunk as Buffer)
  return { rows: rows.rowCount, sha256: hash.digest('hex') }
}

function differs({ spec }: DatabaseTarget, what: string): FreeholdError {
  return new FreeholdError('restore_differs', `${spec.name} is not what was archived: ${what}`)
}
