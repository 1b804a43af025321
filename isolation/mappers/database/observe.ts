import type { ClientBase } from 'pg'
import type { Observation, Target } from '../../mapper.ts'
import { find, partsOf } from './found.ts'
import { readPlacement } from './placement.ts'
import { databaseProperties } from './properties.ts'

type Figures = { bytes: string; tables: number; connections: number }

const figures = `
  select coalesce(sum(pg_total_relation_size(c.oid)) filter (where c.relkind in ('r', 'm', 'S')), 0)::text as bytes,
    count(*) filter (where c.relkind in ('r', 'p'))::int as tables,
    (select count(*)::int from pg_catalog.pg_stat_activity where usename = $2) as connections
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname = $1`

/**
 * What the catalogues say of a tenant's database. `owner` is undefined when a part is not tagged or the parts disagree;
 * facts: which parts are missing, size in bytes, tables, connections now and their limit, state and epoch of the placement.
 */
export async function observeDatabase(client: ClientBase, target: Target): Promise<Observation> {
  const names = databaseProperties(target.spec)
  const found = await find(client, names)
  const parts = partsOf(found)
  if (parts.length === 0) return { exists: false }
  const placement = await readPlacement(client, target)
  const { rows } = await client.query<Figures>(figures, [names.schema, names.appRole])
  const owners = new Set(parts.map(({ part }) => part.owner))
  const missing = [names.schema, names.ownerRole, names.appRole].filter(
    (name) => !parts.some(({ part }) => part.name === name),
  )
  return {
    exists: true,
    owner: owners.size === 1 ? parts[0]?.part.owner : undefined,
    frozen: placement?.state !== 'active' || found.appRole?.canLogin !== true,
    facts: {
      missing,
      bytes: Number(rows[0]?.bytes ?? 0),
      tables: rows[0]?.tables ?? 0,
      connections: rows[0]?.connections ?? 0,
      connectionLimit: found.appRole?.connectionLimit ?? null,
      state: placement?.state ?? null,
      epoch: placement?.epoch ?? null,
    },
  }
}
