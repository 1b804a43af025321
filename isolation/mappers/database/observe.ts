import type { Observation, Target } from '../../mapper.ts'
import type { Connections } from './connections.ts'
import { entriesOf, findStatement, partsOf, readFound } from './found.ts'
import { readPlacement, type SideState } from './placement.ts'
import { together } from './connections.ts'
import pg from 'pg'

type Figures = { bytes: string; tables: number; connections: number }
type Row = { state: SideState; epoch: string }

const figures = (schema: string, appRole: string) => `
  select coalesce(sum(pg_catalog.pg_total_relation_size(c.oid)) filter (where c.relkind in ('r', 'm', 'S')), 0)::text as bytes,
    count(*) filter (where c.relkind in ('r', 'p'))::int as tables,
    (select count(*)::int from pg_catalog.pg_stat_activity where usename = ${pg.escapeLiteral(appRole)}) as connections
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname = ${pg.escapeLiteral(schema)}`

/**
 * What the catalogues say of a tenant's database. `owner` is undefined when a part is not tagged or the parts disagree;
 * facts: which parts are missing, which of its doors are open (all must be for it to be open, none for it to be closed), size in bytes, tables, connections now and their limit, state and epoch of the placement.
 */
export async function observeDatabase(connections: Connections, target: Target<'database'>): Promise<Observation> {
  const names = target.spec.properties
  const [catalogue, placement, counted] = await connections.use(target, (client) =>
    together(client, findStatement(names), readPlacement(target), figures(names.schema, names.appRole)),
  )
  const found = readFound(catalogue, target)
  const parts = partsOf(found)
  if (parts.length === 0) return { exists: false }
  const side = placement?.rows[0] as Row | undefined
  const [{ bytes, tables, connections: open } = { bytes: '0', tables: 0, connections: 0 }] = (counted?.rows ??
    []) as Figures[]
  const owners = new Set(parts.map(({ part }) => part.owner))
  const missing = [names.schema, names.ownerRole, names.appRole].filter(
    (name) => !parts.some(({ part }) => part.name === name),
  )
  const doors = { ...entriesOf(found), placement: side?.state === 'active' }
  return {
    exists: true,
    owner: owners.size === 1 ? parts[0]?.part.owner : undefined,
    frozen: !Object.values(doors).every(Boolean),
    facts: {
      missing,
      openDoors: Object.entries(doors).flatMap(([door, isOpen]) => (isOpen ? [door] : [])),
      bytes: Number(bytes),
      tables,
      connections: open,
      connectionLimit: found.appRole?.connectionLimit ?? null,
      state: side?.state ?? null,
      epoch: side === undefined ? null : Number(side.epoch),
    },
  }
}
