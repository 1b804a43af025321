import pg from 'pg'
import { reach } from '../platform/service.ts'
import { runtimeRole } from './orm.ts'

/**
 * Makes sure, before anything is started, that the registry answers, is migrated and lets the runtime role in. Throws
 * `substrate_unavailable`.
 * @param url the registry database, of `DATABASE_URL`
 */
export async function requireRegistry(url: string): Promise<void> {
  await reach('the registry database', 'DATABASE_URL', ask(url))
}

async function ask(url: string): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    options: `-c role=${runtimeRole}`,
  })
  try {
    await client.connect()
    await client.query('select from tenants limit 0')
  } finally {
    await client.end()
  }
}
