import { isDeepStrictEqual } from 'node:util'
import { sqlOf } from '../../../../registry/pool.ts'
import type { Writers } from './ledger.ts'
import { asking, sidesOf, texts, traces, type FoundSide, type Of } from './look.ts'
import type { Stage } from './stage.ts'

/** Says what is not as it has to be; empty where all is well. */
type Broken = string[]

const differs = (what: string, seen: unknown, wanted: unknown): Broken =>
  isDeepStrictEqual(seen, wanted) ? [] : [`${what}: ${JSON.stringify(seen)}, and not ${JSON.stringify(wanted)}`]

/**
 * I1: one placement takes writes, by every way in, and the others by none; its database, the registry and the context agree about
 * it. Of a tenant that is suspended none does.
 */
export async function serving(stage: Stage, of: Of): Promise<{ side: FoundSide | undefined; broken: Broken }> {
  const sides = await sidesOf(stage, of)
  const open = sides.filter(({ writable }) => writable.length > 0)
  const [side] = open
  if (side === undefined || open.length > 1)
    return { side, broken: [`${open.length} sides take writes: ${JSON.stringify(sides)}`] }
  const placements = await sqlOf(stage.world.deps.orm.pool)<{ number: number; state: string; epoch: number }>({
    text: `select number, state, epoch::float8 as epoch from placements where tenant_id = $1 and state in ('active', 'suspended')`,
    values: [of.id],
  })
  const { body } = await stage.world.request('GET', `/v1/tenants/${of.slug}/context`)
  const { epoch, state, topology } = body as {
    epoch: number
    state: string
    topology: { database: { database: string } }
  }
  const { number, database } = side
  return {
    side,
    broken: [
      ...differs('ways to write', side.writable, ['table', 'view', 'function']),
      ...differs('side', side.state, 'active'),
      ...differs('registry', placements, [{ number, state: 'active', epoch: side.epoch }]),
      ...differs(
        'context',
        { epoch, state, database: topology.database.database },
        { epoch: side.epoch, state: 'active', database },
      ),
    ],
  }
}

/** I2, I3, I7: every operation that was acknowledged is there, once, and nothing that was not; a sequence is behind none of its rows. */
export async function written(stage: Stage, of: Of, { database }: FoundSide, writers: Writers): Promise<Broken> {
  const schema = `t_${of.code}_prod`
  const counts = [...writers.acknowledged].toSorted(([a], [b]) => a.localeCompare(b))
  return asking(stage, database, async (client) => {
    const one = async (text: string) => Number((await texts(client, text))[0])
    const keys = counts.flatMap(([writer, count]) => Array.from({ length: count }, (_, at) => `${writer}/${at}`))
    const seen = await texts(client, `select key from ${schema}.orders where key like 'w%'`)
    const { rows: counters } = await client.query<{ writer: string; value: number }>(
      `select writer, value::float8 as value from ${schema}.counters order by 1`,
    )
    const behind = await texts(
      client,
      `select format('%s: %s of %s', t.name, pg_sequence_last_value(pg_get_serial_sequence(t.name, 'id')::regclass), t.largest) from (
          select '${schema}.orders' as name, max(id) as largest from ${schema}.orders union all
          select '${schema}.lines', max(id) from ${schema}.lines union all select '${schema}.jobs', max(id) from ${schema}.jobs) t
        where pg_sequence_last_value(pg_get_serial_sequence(t.name, 'id')::regclass) < t.largest`,
    )
    const lost = keys.filter((key) => !seen.includes(key))
    return [
      ...writers.errors,
      ...differs('lost', lost, []),
      ...differs('operations', seen.length, keys.length),
      ...differs(
        'counters',
        counters.map(({ writer, value }) => [writer, value]),
        counts,
      ),
      ...differs('lines', await one(`select count(*)::text from ${schema}.lines`), 400 + 2 * keys.length),
      ...differs('keys', await one(`select count(*)::text from ${schema}._freehold_keys`), keys.length),
      ...differs(
        'orphans',
        await one(
          `select count(*)::text from ${schema}.lines l where not exists (select from ${schema}.orders o where o.id = l.order_id)`,
        ),
        0,
      ),
      ...differs(
        'jobs',
        await one(`select count(*)::text from ${schema}.jobs`),
        counts.reduce((sum, [, count]) => sum + Math.ceil(count / 2), 0),
      ),
      ...differs('sequences', behind, []),
    ]
  })
}

/** I6: of a move that is over nothing is left, in the servers or in the ledger, and of the tenant what it needs. */
export async function nothingLeft(stage: Stage, of: Of, { number, database }: FoundSide): Promise<Broken> {
  const roles = ['app', 'owner'].map((role) => `t_${of.code}_prod_${number}_${role}`)
  const left = await traces(stage, of)
  const ledger = await sqlOf(stage.world.deps.orm.pool)<{ key: string; state: string }>({
    text: `select key, state from resources where tenant_id = $1 order by key`,
    values: [of.id],
  })
  // Objects go along with a move, to a place of their own.
  const objects = number === 1 ? 'object-store' : `${number}/object-store`
  const wanted = [`${number}/database`, `${number}/network`, objects, 'runtime', 'secrets', 'topic']
  return [
    ...differs('left', left, {
      inside: [],
      slots: [],
      subscriptions: [],
      rights: [],
      roles,
      databases: database === stage.warehouse ? [] : [database],
    }),
    ...differs(
      'ledger',
      ledger,
      wanted.map((key) => ({ key: `prod/${key}`, state: 'present' })),
    ),
  ]
}

/** I9, I10: a move that succeeded has its report, which names every table. */
export async function reported(stage: Stage, of: Of, { database }: FoundSide, relocation: string): Promise<Broken> {
  const rows = await sqlOf(stage.world.deps.orm.pool)<{ tables: { name: string; rows: string }[] | null }>({
    text: `select document::jsonb -> 'move' -> 'verified' -> 'tables' as tables from reports where operation_id = $1 and kind = 'relocation'`,
    values: [relocation],
  })
  const tables = await asking(stage, database, (client) =>
    texts(client, `select relname::text from pg_class where relnamespace = to_regnamespace($1) and relkind = 'r'`, [
      `t_${of.code}_prod`,
    ]),
  )
  const orders = Number(rows[0]?.tables?.find(({ name }) => name === 'orders')?.rows ?? 0)
  return [
    ...differs('reports', rows.length, 1),
    ...differs('tables of the report', rows[0]?.tables?.map(({ name }) => name).toSorted(), tables.toSorted()),
    ...(orders < 400 ? [`the report has ${orders} orders`] : []),
  ]
}
