import type pg from 'pg'

/** How a subscription does; the counts go on for as long as it is there. */
export type Subscription = {
  readonly enabled: boolean
  readonly tables: number
  /** Of what could not be applied, and of connections that broke. */
  readonly errors: number
  readonly conflicts: number
}

const statement = `select s.subenabled as enabled,
    (select pg_catalog.count(*)::int from pg_catalog.pg_subscription_rel r where r.srsubid = s.oid) as tables,
    t.apply_error_count::int as errors, (t.confl_insert_exists + t.confl_update_origin_differs + t.confl_update_exists
      + t.confl_update_missing + t.confl_delete_origin_differs + t.confl_delete_missing
      + t.confl_multiple_unique_conflicts)::int as conflicts
  from pg_catalog.pg_subscription s left join pg_catalog.pg_stat_subscription_stats t on t.subid = s.oid
  where s.subname = $1 and s.subdbid = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())`

/** A subscription of this database, by its name. */
export async function subscription(client: pg.ClientBase, name: string): Promise<Subscription | undefined> {
  const { rows } = await client.query<Subscription>(statement, [name])
  return rows[0]
}
