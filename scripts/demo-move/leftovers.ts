import pg from 'pg'

/** Of the whole server. `$1` is the code of the tenant, `$2` the placement that serves. */
const ofServer = `
  select 'slot ' || slot_name from pg_replication_slots where slot_name like 'fh\\_%'
  union all select 'subscription ' || subname from pg_subscription where subname like 'fh\\_%'
  union all select 'origin ' || roname from pg_replication_origin where roname like 'pg\\_%'
  union all select 'session ' || pid from pg_stat_activity where application_name = 'freehold-move'
  union all select 'role ' || rolname from pg_roles
    where rolname like 't\\_' || $1 || '\\_%' and rolname not like 't\\_' || $1 || '\\_prod\\_' || $2 || '\\_%'`

/** Of one database; `$2` is that of the tenant's own. */
const ofDatabase = `
  select 'publication ' || pubname from pg_publication where pubname like 'fh\\_%'
  union all select 'schema ' || nspname from pg_namespace
    where nspname like 'fh\\_%' or nspname like 't\\_' || $1 || '\\_%' and current_database() <> $2
  union all select 'trigger on ' || tgrelid::regclass from pg_trigger where tgname = '_moved'`

const ofSides = `
  select 'side ' || number || ' ' || state from tenancy.placement where state <> 'retired' and number::text <> $1`

/**
 * What moves have left behind on the server: slots, subscriptions, publications, schemas, triggers, sessions, and roles, schema or
 * side of a placement that does not serve.
 * @param placement number of the one that serves, in a database of its own
 */
export async function findLeftovers(
  superuserUrl: string,
  { code, placement }: { code: string; placement: number },
): Promise<string[]> {
  const number = String(placement)
  const own = `warehouse_${code}_prod`
  const names = await ask(superuserUrl, 'select datname::text from pg_database where datallowconn', [])
  const found = [
    ...(await ask(superuserUrl, ofServer, [code, number])),
    ...(await ask(superuserUrl, ofSides, [number])),
  ]
  for (const name of names) {
    const url = Object.assign(new URL(superuserUrl), { pathname: `/${name}` }).href
    found.push(...(await ask(url, ofDatabase, [code, own])).map((line) => `${line} in ${name}`))
  }
  return found
}

async function ask(url: string, sql: string, values: readonly string[]): Promise<string[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<[string]>({ text: sql, values: [...values], rowMode: 'array' })).rows.map(([one]) => one)
  } finally {
    await client.end()
  }
}
