import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { migrateRegistry } from '../../../registry/migrate.ts'
import { openRegistry, servicesRole } from '../../../registry/orm.ts'

const changed: Record<string, string> = { events: `body = ''`, checkpoint_heads: 'checkpoint = 1' }

/** The registry in PostgreSQL is what the entities say, and the services can do no more in it than they need. */
describe('the migrated registry', () => {
  const name = `m_${randomBytes(5).toString('hex')}`
  const admin = new pg.Client({ connectionString: inject('postgresUrl') })
  const url = new URL(inject('postgresUrl'))
  url.pathname = `/${name}`
  beforeAll(async () => {
    await admin.connect()
    await admin.query(`create database ${name}`)
    await Promise.all([migrateRegistry(url.href), migrateRegistry(url.href), migrateRegistry(url.href)])
  })
  afterAll(async () => {
    await admin.query(`drop database ${name} with (force)`)
    await admin.end()
  })

  it('records names that never change, and runs none a second time', async () => {
    const client = new pg.Client({ connectionString: url.href })
    await client.connect()
    const recorded = async () => (await client.query('select * from mikro_orm_migrations order by id')).rows
    const first = await recorded()
    await migrateRegistry(url.href)
    expect(await recorded()).toEqual(first)
    await client.end()
    expect(first.map(({ name: one }) => one).slice(0, 3)).toEqual([
      '20261121000000-initial',
      '20261121120000-bus-and-network',
      '20261121130000-deliveries-by-bus',
    ])
  })

  it('equals the entities', async () => {
    const orm = await openRegistry(url.href, { connections: 1 })
    try {
      expect(await orm.schema.getUpdateSchemaSQL({ wrap: false })).toBe('')
    } finally {
      await orm.close(true)
    }
  })

  it('lets the services neither change nor delete what is to stay: the trail, its checkpoints and keys', async () => {
    const orm = await openRegistry(url.href, { role: servicesRole, connections: 1 })
    try {
      for (const table of ['events', 'checkpoints', 'checkpoint_heads', 'signing_keys', 'policies', 'reports'])
        for (const statement of [
          `update ${table} set ${changed[table] ?? 'created_at = now()'}`,
          `delete from ${table}`,
          `truncate ${table} cascade`,
          `drop table ${table}`,
          `alter table ${table} disable trigger ${table}_insert_only`,
        ])
          await expect(orm.em.fork().execute(statement)).rejects.toThrow(/permission denied|must be owner/)
    } finally {
      await orm.close(true)
    }
  })
})
