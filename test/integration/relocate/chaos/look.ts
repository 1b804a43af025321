import pg from 'pg'
import { sqlOf } from '../../../../registry/pool.ts'
import type { Stage } from './stage.ts'

export type Of = { readonly id: string; readonly code: string; readonly slug: string }

/** Asks one database as the superuser, over a connection that does not outlive the question. */
export async function asking<T>(
  { server }: Pick<Stage, 'server'>,
  database: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const url = Object.assign(new URL(server.adminUrl), { pathname: `/${database}` }).href
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000, application_name: 'look' })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** What one text column gives. */
export async function texts(client: pg.ClientBase, text: string, values: unknown[] = []): Promise<string[]> {
  const { rows } = await client.query<[string]>({ text, values, rowMode: 'array' })
  return rows.map(([one]) => one)
}

/** The databases in which a tenant may be. */
export async function databasesOf(stage: Stage, { code }: Of): Promise<string[]> {
  return [
    stage.warehouse,
    ...(await texts(
      stage.server.admin as unknown as pg.ClientBase,
      'select datname::text from pg_database where datname like $1',
      [`${stage.warehouse}\\_${code}\\_%`],
    )),
  ]
}

const ways = {
  table: (schema: string) => `insert into ${schema}.probes (way) values ('table')`,
  view: (schema: string) => `insert into ${schema}.probed (way) values ('view')`,
  function: (schema: string) => `select ${schema}.probe('function')`,
}

/** One database that has a schema of the tenant. */
export type FoundSide = {
  readonly database: string
  readonly number: number
  readonly state: string
  readonly epoch: number
  /** Ways in which the role of the services can write there. */
  readonly writable: string[]
}

/** Every place that has the tenant's tables, by the word of its database, and whether one can write there. */
export async function sidesOf(stage: Stage, of: Of): Promise<FoundSide[]> {
  const found: FoundSide[] = []
  const schema = `t_${of.code}_prod`
  for (const database of await databasesOf(stage, of))
    await asking(stage, database, async (client) => {
      const [owner] = await texts(
        client,
        'select r.rolname::text from pg_namespace n join pg_roles r on r.oid = n.nspowner where nspname = $1',
        [schema],
      )
      if (owner === undefined) return
      const number = Number(/_(\d+)_owner$/.exec(owner)?.[1])
      const { rows } = await client.query<{ state: string; epoch: number }>(
        `select state, epoch::float8 as epoch from tenancy.placement where tenant = $1 and environment = 'prod' and number = $2`,
        [of.id, number],
      )
      const writable: string[] = []
      for (const [way, write] of Object.entries(ways)) {
        await client.query('begin')
        const isTaken = await client.query(`set local role ${owner.replace(/owner$/, 'app')}; ${write(schema)}`).then(
          () => true,
          () => false,
        )
        await client.query('rollback')
        if (isTaken) writable.push(way)
      }
      const { state = 'none', epoch = 0 } = rows[0] ?? {}
      found.push({ database, number, state, epoch, writable })
    })
  return found
}

/** What the whole server has of the moves of a tenant, and all that carries its name. */
export async function traces(stage: Stage, of: Of): Promise<Record<string, string[]>> {
  const databases = await databasesOf(stage, of)
  const moves = await sqlOf(stage.world.deps.orm.pool)<{ own: string }>({
    text: `select 'fh\\_' || replace(id::text, '-', '') || '%' as own from relocations where tenant_id = $1`,
    values: [of.id],
  })
  const own = moves.map((move) => move.own)
  const inside = await Promise.all(
    databases.map((database) =>
      asking(stage, database, (client) =>
        texts(
          client,
          `select 'publication ' || pubname from pg_publication where pubname like any ($2) union all
            select 'schema ' || nspname from pg_namespace where nspname like any ($2) union all
            select 'trigger on ' || tgrelid::regclass from pg_trigger where tgname = '_moved' and tgrelid in
              (select c.oid from pg_class c where relnamespace = to_regnamespace($1))`,
          [`t_${of.code}_prod`, own],
        ),
      ),
    ),
  )
  return asking(stage, 'postgres', async (client) => ({
    inside: inside.flat(),
    slots: await texts(client, 'select slot_name::text from pg_replication_slots where slot_name like any ($1)', [own]),
    subscriptions: await texts(client, 'select subname::text from pg_subscription where subname like any ($1)', [own]),
    rights: await texts(
      client,
      `select g.rolname::text from pg_auth_members m join pg_roles g on g.oid = m.roleid join pg_roles p on p.oid = m.member
        where p.rolname = $1 and g.rolname like $2`,
      [stage.mover, `t\\_${of.code}\\_%`],
    ),
    roles: await texts(client, 'select rolname::text from pg_roles where rolname like $1 order by 1', [
      `t\\_${of.code}\\_%`,
    ]),
    databases: databases.slice(1),
  }))
}
