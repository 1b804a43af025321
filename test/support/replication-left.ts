import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

/** Removes subscriptions and slots of databases that are going to be dropped, whatever move they are of. `adminUrl` is a superuser's. */
export async function dropReplication(adminUrl: string, databases: readonly string[]): Promise<void> {
  const admin = new pg.Client({ connectionString: adminUrl })
  await admin.connect()
  try {
    const { rows } = await admin.query<{ database: string; name: string }>(
      `select d.datname as database, s.subname as name from pg_subscription s join pg_database d on d.oid = s.subdbid
        where d.datname = any ($1)`,
      [databases],
    )
    for (const { database, name } of rows) {
      const inside = new pg.Client({
        connectionString: Object.assign(new URL(adminUrl), { pathname: `/${database}` }).href,
      })
      await inside.connect()
      for (const how of ['disable', 'set (slot_name = none)']) await inside.query(`alter subscription "${name}" ${how}`)
      await inside.query(`drop subscription "${name}"`)
      await inside.end()
    }
    for (;;) {
      const slots = await admin.query<{ pid: number | null; name: string }>(
        'select active_pid as pid, slot_name as name from pg_replication_slots where database = any ($1)',
        [databases],
      )
      if (slots.rows.length === 0) return
      for (const { pid, name } of slots.rows)
        await (pid === null
          ? admin.query('select pg_drop_replication_slot($1)', [name])
          : admin.query('select pg_terminate_backend($1)', [pid]))
      await sleep(20)
    }
  } finally {
    await admin.end()
  }
}
