import pg from 'pg'

/** What carries the id of a move: `$1` is a list of patterns of such names. */
const ofMoves = `
  select 'slot ' || slot_name from pg_replication_slots where slot_name like any ($1)
  union all select 'subscription ' || subname from pg_subscription where subname like any ($1)
  union all select 'publication ' || pubname from pg_publication where pubname like any ($1)
  union all select 'schema ' || nspname from pg_namespace where nspname like any ($1)
  union all select 'trigger on ' || t.tgrelid::regclass from pg_trigger t join pg_proc f on f.oid = t.tgfoid
    join pg_namespace n on n.oid = f.pronamespace where n.nspname like any ($1)`

/** What carries the code of the tenant, and belongs to a placement that does not serve: `$1` is its names, `$2` the names that may stay. */
const ofPlacements = `
  select 'role ' || rolname from pg_roles where rolname like $1 and not rolname like $2
  union all select 'schema ' || nspname from pg_namespace where nspname like $1 and current_database() <> $3`

const ofSides = `select 'side ' || number || ' ' || state from tenancy.placement
  where tenant::text = $1 and state <> 'retired' and number::text <> $2`

/**
 * What moves have left behind on the server: slots, subscriptions, publications, schemas, triggers, and roles, schema or side of a
 * placement that does not serve.
 * @param superuserUrl of the shared database
 * @param placement number of the one that serves, in a database of its own
 */
export async function findLeftovers(
  superuserUrl: string,
  { id, code }: { id: string; code: string },
  { moves, placement }: { moves: readonly string[]; placement: number },
): Promise<string[]> {
  const own = `warehouse_${code}_prod`
  const patterns = moves.map((move) => String.raw`fh\_${move.replaceAll('-', '')}%`)
  const names = String.raw`t\_${code}\_%`
  const found = await ask(superuserUrl, ofSides, [id, String(placement)])
  const shared = new URL(superuserUrl).pathname.slice(1)
  for (const database of [shared, own]) {
    const url = Object.assign(new URL(superuserUrl), { pathname: `/${database}` }).href
    found.push(...(await ask(url, ofMoves, [patterns])))
    found.push(...(await ask(url, ofPlacements, [names, String.raw`${names}\_${placement}\_%`, own])))
  }
  return [...new Set(found)]
}

async function ask(url: string, sql: string, values: readonly unknown[]): Promise<string[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<[string]>({ text: sql, values: [...values], rowMode: 'array' })).rows.map(([one]) => one)
  } finally {
    await client.end()
  }
}
