import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { exampleContext } from '../../../api/examples.ts'
import { newCode } from '../../../crypto/tokens.ts'
import { gateKey } from '../../../isolation/mappers/database/gate.ts'
import { createDatabaseMapper } from '../../../isolation/mappers/database/mapper.ts'
import { json, startFakeApi } from '../../unit/sdk/fake-api.ts'
import { databaseOf, namesOf, testCell, testTenant, type TestCell, type TestTenant } from '../isolation/support.ts'

const script = {
  version: '1.0.0',
  file: '1.0.0/001-ops.sql',
  sql: 'create table ops (id text primary key, n int not null default 1); create table counter (n int not null); insert into counter values (0)',
  checksum: 'a',
}
const tables = ['ops', 'counter', '_freehold_keys']

type Side = { readonly cell: TestCell; readonly tenant: TestTenant }

/**
 * A tenant with two sides on two databases, the first open, an API that tells where it is, and a cut by hand between them.
 * @param through changes the address of a side's server
 */
export async function startMoving(through: (port: number) => number = (port) => port) {
  const mapper = createDatabaseMapper()
  const [id, code] = [randomUUID(), newCode()]
  const sides: Side[] = []
  for (const number of [1, 2]) {
    const cell = await testCell()
    const tenant = testTenant(cell.cell, { id, code, number, connections: 12 })
    await mapper.ensure(tenant.target('database'))
    await mapper.migrate(tenant.target('database'), [script])
    if (number === 2) await cell.admin.query(`update tenancy.placement set state = 'standby', epoch = 0`)
    sides.push({ cell, tenant })
  }
  const shown = { at: 0, epoch: 1, state: 'active', isAway: false }
  const side = (at: number): Side => {
    const found = sides[at % 2]
    if (found === undefined) throw new Error('there are two sides')
    return found
  }

  const api = await startFakeApi(({ path, headers }, response) => {
    if (shown.isAway) return json(response, 503, { code: 'registry_unavailable', retry: true })
    const { cell, tenant } = side(shown.at)
    const { appRole, schema, passwordSecret } = namesOf(tenant)
    const database = databaseOf(tenant, cell)
    const port = through(Number(new URL(cell.bootstrap.adminUrl).port))
    const where = { host: '127.0.0.1', port, database, schema }
    if (path.includes('/credentials'))
      return void tenant.secrets.read(passwordSecret).then((password = '') => {
        const url = Object.assign(new URL(cell.urlOf(appRole, password)), { hostname: '127.0.0.1', port }).href
        json(response, 200, { environment: 'prod', database: { ...where, user: appRole, password, url }, bus: null })
      })
    const etag = `"${JSON.stringify(shown).replaceAll('"', '')}"`
    if (headers['if-none-match'] === etag) return response.writeHead(304).end()
    response.setHeader('etag', etag)
    const topology = {
      ...exampleContext.topology,
      database: { ...exampleContext.topology.database, ...where, role: appRole },
    }
    const name = path.split('/')[3] ?? ''
    json(response, 200, { ...exampleContext, tenantId: name, epoch: shown.epoch, state: shown.state, topology })
  })

  const asAdmin = async <T>(at: number, work: (client: pg.PoolClient, schema: string) => Promise<T>): Promise<T> => {
    const { cell, tenant } = side(at)
    const client = await cell.admin.connect()
    try {
      return await work(client, namesOf(tenant).schema)
    } finally {
      client.release()
    }
  }
  const usage = (at: number, how: 'grant' | 'revoke') => {
    const { schema, appRole } = namesOf(side(at).tenant)
    return `${how} usage on schema ${schema} ${how === 'grant' ? 'to' : 'from'} ${appRole}`
  }

  return {
    api,
    shown,
    side,
    /** Rows of a statement on one side, with the name of the schema in place of `$s`. */
    rows: (at: number, sql: string) =>
      asAdmin(at, async (client, schema) => (await client.query(sql.replaceAll('$s', schema))).rows as unknown[]),
    /** Closes the open side and gives what it holds; with `ends`, its login is closed and its sessions are ended too. */
    close: (ends = false) =>
      asAdmin(shown.at, async (client, schema) => {
        await client.query('begin')
        await client.query(`select pg_advisory_xact_lock(${gateKey('$1', `'prod'`)})`, [id])
        const held = []
        for (const table of tables) held.push((await client.query(`select * from ${schema}.${table}`)).rows as object[])
        await client.query(`update tenancy.placement set state = 'moved', epoch = epoch + 1 where tenant = '${id}'`)
        await client.query(usage(shown.at, 'revoke'))
        const { appRole } = namesOf(side(shown.at).tenant)
        if (ends) await client.query(`alter role ${appRole} nologin`)
        await client.query('commit')
        if (ends)
          await client.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [appRole])
        return held
      }),
    /** Opens the other side with what the first one held. */
    open: (held: readonly object[][]) =>
      asAdmin(shown.at + 1, async (client, schema) => {
        const { appRole } = namesOf(side(shown.at + 1).tenant)
        await client.query(`begin; truncate ${tables.map((table) => `${schema}.${table}`).join(', ')}`)
        for (const [index, rows] of held.entries())
          await client.query(
            `insert into ${schema}.${tables[index]} select * from jsonb_populate_recordset(null::${schema}.${tables[index]}, $1)`,
            [JSON.stringify(rows)],
          )
        await client.query(
          `update tenancy.placement set state = 'active', epoch = ${shown.epoch + 1} where tenant = '${id}'`,
        )
        await client.query(`${usage(shown.at + 1, 'grant')}; alter role ${appRole} login; commit`)
      }),
    /** Tells where the tenant is now. */
    publish(): void {
      shown.at += 1
      shown.epoch += 1
    },
    async stop(): Promise<void> {
      await api[Symbol.asyncDispose]()
      await mapper.close()
      for (const { cell } of sides) await cell.drop()
    },
  }
}
export type Moving = Awaited<ReturnType<typeof startMoving>>
