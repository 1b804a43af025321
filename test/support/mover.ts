import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'
import type { MoveEnd } from '../../isolation/move/end.ts'

/**
 * Two databases of the run's server, each with an empty schema of one owner, and a mover: no superuser, with the rights that a move
 * needs and none more. Its name is its own, because roles are the whole server's.
 */
export async function testMove() {
  const adminUrl = inject('postgresUrl')
  const suffix = randomBytes(4).toString('hex')
  const password = randomBytes(12).toString('hex')
  const schema = `t_${suffix}`
  const [mover, ownerRole, appRole] = [`mover_${suffix}`, `${schema}_owner`, `${schema}_app`]
  const databases = { source: `from_${suffix}`, target: `to_${suffix}` }
  const urlOf = (database: string, user?: string) => {
    const login = user === undefined ? {} : { username: user, password }
    return Object.assign(new URL(adminUrl), { ...login, pathname: `/${database}` }).href
  }
  const pools: pg.Pool[] = []
  const adminIn = (database: string) => {
    const pool = new pg.Pool({ connectionString: urlOf(database), max: 2, allowExitOnIdle: true })
    pool.on('error', () => {})
    pools.push(pool)
    return pool
  }
  const cluster = adminIn('postgres')
  await cluster.query(`
    create role ${mover} login replication bypassrls password '${password}';
    create role ${ownerRole}; create role ${appRole};
    grant ${ownerRole} to ${mover} with inherit true, set true;
    grant pg_create_subscription, pg_read_all_stats, pg_signal_backend to ${mover};
    grant set on parameter session_replication_role to ${mover};
    grant set on parameter deadlock_timeout to ${mover}`)

  async function side(database: string, number: number) {
    await cluster.query(`create database ${database}`)
    await cluster.query(`grant create on database ${database} to ${mover}`)
    const admin = adminIn(database)
    await admin.query(`
      create extension citext schema public;
      create schema ${schema} authorization ${ownerRole}; grant usage on schema ${schema} to ${appRole};
      create schema tenancy; create table tenancy.placement (tenant uuid primary key);
      grant usage on schema tenancy to ${mover}; grant select, update on tenancy.placement to ${mover}`)
    const names = { schema, ownerRole, appRole }
    const end: MoveEnd = { number, names, moverUrl: urlOf(database, mover), provisionerUrl: urlOf(database) }

    /** Runs statements as the owner, who finds the names of its schema. */
    async function asOwner(...statements: string[]): Promise<void> {
      const client = await admin.connect()
      try {
        await client.query(`set role ${ownerRole}; set search_path = ${schema}`)
        for (const statement of statements) await client.query(statement)
      } finally {
        client.release(true)
      }
    }
    return { end, database, admin, asOwner }
  }
  const source = await side(databases.source, 1)
  const target = await side(databases.target, 2)
  // Text of one side is not text of the other where nobody says how it is written.
  await cluster.query(`alter database ${databases.source} set datestyle = 'SQL, DMY'`)
  await cluster.query(`alter database ${databases.target} set timezone = 'Asia/Tokyo'`)

  async function drop(): Promise<void> {
    await Promise.all([source, target].map(({ admin }) => admin.end()))
    for (const database of Object.values(databases))
      await cluster.query(`drop database if exists ${database} with (force)`)
    // What it was granted elsewhere would keep the role: rights on parameters are the whole server's.
    await cluster.query(`drop owned by ${mover}`)
    for (const role of [mover, appRole, ownerRole]) await cluster.query(`drop role ${role}`)
    await cluster.end()
  }
  return { schema, mover, cluster, source, target, drop }
}
export type TestMove = Awaited<ReturnType<typeof testMove>>
