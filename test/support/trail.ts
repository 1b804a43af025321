import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'
import { createSigner } from '../../crypto/signing.ts'
import type { NewEvent } from '../../domain/events.ts'
import { makeCheckpoints } from '../../registry/checkpoints.ts'
import { eventsJson } from '../../registry/events.ts'
import { migrateRegistry } from '../../registry/migrate.ts'
import { openRegistry, servicesRole } from '../../registry/orm.ts'
import { sqlOf, transaction } from '../../registry/pool.ts'
import { keepSigningKey } from '../../registry/signing-keys.ts'

/** A registry of its own with nothing but a trail in it, as the services see it, and as a superuser does who means no good. */
export async function openTrail() {
  const name = `trail_${randomBytes(5).toString('hex')}`
  const url = new URL(inject('postgresUrl'))
  const server = new pg.Client({ connectionString: url.href })
  await server.connect()
  await server.query(`create database ${name}`)
  url.pathname = `/${name}`
  await migrateRegistry(url.href)
  const orm = await openRegistry(url.href, { role: servicesRole, connections: 5 })
  const superuser = new pg.Client({ connectionString: url.href })
  await superuser.connect()
  // No trigger and no reference holds a superuser up.
  await superuser.query('set session_replication_role = replica')
  const platformKey = randomBytes(32)
  const signer = createSigner(platformKey)
  const sql = sqlOf(orm.pool)
  await transaction(orm.pool, (inner) => keepSigningKey(inner, signer))

  return {
    orm,
    sql,
    platformKey,
    signer,
    /** Appends so many events to a stream, as the product does. */
    async append(stream: string, count = 1, event: Partial<NewEvent> = {}): Promise<void> {
      const said = Array.from({ length: count }, (_, at): NewEvent => ({
        type: 'TENANCY_STATE_CHANGED',
        actor: 'key:admin',
        data: { at, note: 'Zürich' },
        ...event,
      }))
      await sql({ text: 'select append_events($1, $2::jsonb)', values: [stream, eventsJson(said)] })
    },
    checkpoint: (by = signer, heads = 1_000) => makeCheckpoints(orm.pool, by, { intervalMs: 1, heads }),
    /** Changes what nobody should. */
    tamper: async (text: string, values: unknown[] = []) => (await superuser.query(text, values)).rows as object[],
    async close(): Promise<void> {
      await superuser.end()
      await orm.close(true)
      await server.query(`drop database ${name} with (force)`)
      await server.end()
    },
  }
}
export type Trail = Awaited<ReturnType<typeof openTrail>>
