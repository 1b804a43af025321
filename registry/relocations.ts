import { FreeholdError } from '../domain/errors.ts'
import type { JsonObject } from '../domain/json.ts'
import { isUuid } from '../domain/names.ts'
import type { RelocationFacts, RelocationOptions, RelocationState } from '../domain/relocation.ts'
import type { ResourceSpec } from '../domain/resources.ts'
import type { CellRow } from './entities/placement.ts'
import type { RelocationRow } from './entities/relocation.ts'
import { one, type Sql } from './sql.ts'

const columns = `id, tenant_id as tenant, environment, source, target, state, phase, options, progress, facts,
  soak_until as "soakUntil", created_at as "createdAt", updated_at as "updatedAt"`

/** Enters a move; one that is tried again after it had failed begins anew. */
export async function enterRelocation(
  sql: Sql,
  move: Pick<RelocationRow, 'id' | 'tenant' | 'environment' | 'source' | 'target'> & { options: RelocationOptions },
): Promise<RelocationRow> {
  return one(
    sql<RelocationRow>({
      name: 'enter-relocation',
      text: `insert into relocations (id, tenant_id, environment, source, target, options) values ($1, $2, $3, $4, $5, $6::jsonb)
        on conflict (id) do update set source = excluded.source, target = excluded.target, state = 'moving', phase = 'preflight',
          progress = '{}', facts = '{}', soak_until = null, updated_at = now()
        returning ${columns}`,
      values: [move.id, move.tenant, move.environment, move.source, move.target, JSON.stringify(move.options)],
    }),
  )
}

/** A move of a tenant by its id. Throws `relocation_not_found`. */
export async function findRelocation(sql: Sql, tenant: string, id: string): Promise<RelocationRow> {
  const text = `select ${columns} from relocations where id = $1 and tenant_id = $2`
  const [row] = isUuid(id) ? await sql<RelocationRow>({ name: 'find-relocation', text, values: [id, tenant] }) : []
  if (row !== undefined) return row
  throw new FreeholdError('relocation_not_found', `there is no relocation "${id.slice(0, 64)}" of this tenant`)
}

/** The moves of a tenant, newest first. */
export function listRelocations(sql: Sql, tenant: string): Promise<RelocationRow[]> {
  return sql<RelocationRow>({
    name: 'list-relocations',
    text: `select ${columns} from relocations where tenant_id = $1 order by id desc limit 100`,
    values: [tenant],
  })
}

/** The move of a tenant that may still be undone, or undefined. */
export async function soakingOf(sql: Sql, tenant: string): Promise<RelocationRow | undefined> {
  const [row] = await sql<RelocationRow>({
    name: 'soaking',
    text: `select ${columns} from relocations where tenant_id = $1 and state = 'soaking' limit 1`,
    values: [tenant],
  })
  return row
}

/** Notes where a move is, for people, and what its steps tell each other. */
export async function noteRelocation(
  sql: Sql,
  id: string,
  { phase, progress, facts = {} }: { phase: string; progress?: JsonObject; facts?: RelocationFacts },
): Promise<void> {
  await sql({
    name: 'note-relocation',
    text: `update relocations set phase = $2, progress = coalesce($3::jsonb, progress), facts = facts || $4::jsonb, updated_at = now()
      where id = $1`,
    values: [id, phase, progress === undefined ? null : JSON.stringify(progress), JSON.stringify(facts)],
  })
}

/** Ends a phase of a move's life. @param soakSeconds how long it may still be undone, where that begins */
export async function settleRelocation(
  sql: Sql,
  id: string,
  state: RelocationState,
  phase: string,
  soakSeconds?: number,
): Promise<void> {
  await sql({
    name: 'settle-relocation',
    text: `update relocations set state = $2, phase = $3, updated_at = now(),
        soak_until = case when $4::float8 is null then soak_until else now() + make_interval(secs => $4) end
      where id = $1`,
    values: [id, state, phase, soakSeconds ?? null],
  })
}

/** What the ledger has of one placement and kind, with its cell; objects may be in an area that the placements shared. Throws `not_found`. */
export async function findPlaced(
  sql: Sql,
  tenant: string,
  { environment, number, kind }: { environment: string; number: number; kind: 'database' | 'object-store' },
): Promise<{ spec: ResourceSpec; specVersion: number; cell: CellRow }> {
  const [row] = await sql<{ spec: ResourceSpec; specVersion: number; cell: CellRow }>({
    name: 'find-placed',
    text: `select r.spec, r.spec_version as "specVersion", to_jsonb(c) as cell from resources r join cells c on c.name = r.cell
      where r.tenant_id = $1 and r.environment = $2 and r.kind = $4 and (r.placement = $3 or $4 = 'object-store' and r.placement = 0)
      order by r.placement desc limit 1`,
    values: [tenant, environment, number, kind],
  })
  if (row !== undefined) return row
  throw new FreeholdError('not_found', `placement ${number} of ${environment} has no ${kind} in the ledger`)
}

/** Gives the word for the cut of a move; one that does not wait for it stays as it is. */
export async function approveRelocation(sql: Sql, id: string, by: string): Promise<void> {
  await sql({
    name: 'approve-relocation',
    text: `update relocations set updated_at = now(),
        facts = facts || jsonb_build_object('approved', jsonb_build_object('by', $2::text, 'at', now()))
      where id = $1 and state = 'moving' and options -> 'approval' = 'true'::jsonb`,
    values: [id, by],
  })
}

/** What the cut of a move still waits for, by the database's clock; `over` when its window is. */
export async function waitsFor(sql: Sql, id: string): Promise<'approval' | 'window' | 'over' | undefined> {
  const [row] = await sql<{ waits: 'approval' | 'window' | 'over' | null }>({
    name: 'waits-for',
    text: `select case
        when now() > (options #>> '{window,until}')::timestamptz then 'over'
        when options -> 'approval' = 'true'::jsonb and facts -> 'approved' is null then 'approval'
        when now() < (options #>> '{window,from}')::timestamptz then 'window' end as waits
      from relocations where id = $1`,
    values: [id],
  })
  return row?.waits ?? undefined
}
