import { reach } from '../base/service.ts'
import { openConnections } from './connections.ts'
import { migrationNames } from './migrations.ts'
import { servicesRole } from './orm.ts'

/**
 * Makes sure, before anything is started, that the registry answers, is migrated and lets the services role in. Throws
 * `substrate_unavailable`.
 * @param url the registry database, of `DATABASE_URL`
 */
export async function requireRegistry(url: string): Promise<void> {
  await reach('the registry database', 'DATABASE_URL', ask(url))
}

async function ask(url: string): Promise<void> {
  const { pool, close } = openConnections(url, { role: servicesRole, connections: 1 })
  try {
    const { rows } = await pool.query<{ name: string }>('select name from mikro_orm_migrations')
    const missing = (await migrationNames()).filter((name) => !rows.some((row) => row.name === name))
    if (missing.length > 0) throw new Error(`it is not migrated to this version: ${missing.join(', ')}`)
  } finally {
    await close()
  }
}
