import { readdir } from 'node:fs/promises'
import pg from 'pg'
import { reach } from '../base/service.ts'
import { runtimeRole } from './orm.ts'

/**
 * Makes sure, before anything is started, that the registry answers, is migrated and lets the runtime role in. Throws
 * `substrate_unavailable`.
 * @param url the registry database, of `DATABASE_URL`
 */
export async function requireRegistry(url: string): Promise<void> {
  await reach('the registry database', 'DATABASE_URL', ask(url))
}

/** Names as the migrator records them. */
async function knownMigrations(): Promise<string[]> {
  const files = await readdir(new URL('./migrations', import.meta.url))
  return files.filter((file) => file.endsWith('.ts')).map((file) => file.replace(/\.ts$/, ''))
}

async function ask(url: string): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    options: `-c role=${runtimeRole}`,
  })
  try {
    await client.connect()
    const { rows } = await client.query<{ name: string }>('select name from mikro_orm_migrations')
    const missing = (await knownMigrations()).filter((name) => !rows.some((row) => row.name === name))
    if (missing.length > 0) throw new Error(`it is not migrated to this version: ${missing.join(', ')}`)
  } finally {
    await client.end()
  }
}
