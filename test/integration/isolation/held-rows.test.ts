import pg from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { createDatabaseMapper } from '../../../isolation/mappers/database/mapper.ts'
import {
  codeOf,
  loginAs,
  namesOf,
  queryAs,
  ensuredTenant,
  testCell,
  type TestCell,
  type TestTenant,
} from './support.ts'

let cell: TestCell
/** What waits for a lock gives up soon. */
const mapper = createDatabaseMapper({ statementTimeoutMs: 3_000 })

beforeAll(async () => {
  cell = await testCell()
})
afterAll(async () => {
  await mapper.close()
  await cell.drop()
})

const ensured = () => ensuredTenant(mapper, cell)

/** Opens a session of the tenant that stays in a transaction with these statements. */
async function holding(tenant: TestTenant, sql: string): Promise<pg.Client> {
  const session = await loginAs(tenant, cell)
  onTestFinished(() => session.end().catch(() => {}))
  await session.query(`begin; ${sql}`)
  return session
}

const holdsItsRow = `alter role current_user password 'thief'`
const logIn = async (user: string, password: string) => {
  const client = new pg.Client({ connectionString: cell.urlOf(user, password) })
  try {
    await client.connect()
  } finally {
    await client.end().catch(() => {})
  }
}

test('a thief that holds the row of its role is put out by a rotation', async () => {
  const tenant = await ensured()
  const { appRole, passwordSecret } = namesOf(tenant)
  const old = (await tenant.secrets.read(passwordSecret)) ?? ''
  const thief = await holding(tenant, holdsItsRow)
  await mapper.rotate?.(tenant.target('database'), 'first')
  expect(await codeOf(thief.query('select 1'))).not.toBe('done')
  for (const password of [old, 'thief']) expect(await codeOf(logIn(appRole, password))).toBe('28P01')
  expect(await queryAs(tenant, cell, 'select current_user')).toEqual([{ current_user: appRole }])
  expect(await mapper.observe(tenant.target('database'))).toMatchObject({ frozen: false })
})

test('a tenant that holds the row of its role is frozen and thawed', async () => {
  const tenant = await ensured()
  const holder = await holding(tenant, holdsItsRow)
  await mapper.freeze(tenant.target('database', 2))
  expect(await codeOf(holder.query('select 1'))).not.toBe('done')
  for (const closedBy of ['freeze', 'ensure'] as const) {
    await mapper[closedBy](tenant.target('database', 2))
    // Even if it could log in, it would not be let into the database.
    await cell.admin.query(`alter role ${namesOf(tenant).appRole} login`)
    expect([closedBy, await codeOf(loginAs(tenant, cell))]).toEqual([closedBy, '42501'])
    expect(await mapper.observe(tenant.target('database'))).toMatchObject({ frozen: true })
  }
  await mapper.thaw(tenant.target('database', 3))
  expect(await queryAs(tenant, cell, 'select 1 as one')).toEqual([{ one: 1 }])
})

test('a tenant that holds the row of its role is removed', async () => {
  const tenant = await ensured()
  await holding(tenant, holdsItsRow)
  expect(await mapper.remove(tenant.target('database'))).toEqual({ outcome: 'removed' })
})

/** A migration that holds the row of the owner, with a password that somebody knows, and has no end. */
const endless = {
  version: '1.0.0',
  file: '1.0.0/001-endless.sql',
  sql: `commit; alter role current_user password 'known'; begin; set statement_timeout = 0;
    alter role current_user password 'known'; select pg_sleep(600)`,
  checksum: 'x',
}

async function ownerOf(tenant: TestTenant) {
  const { rows } = await cell.admin.query<{ open: boolean; sleeping: boolean; sessions: number }>(
    `select rolcanlogin as open, count(a.pid)::int as sessions, coalesce(bool_or(a.wait_event = 'PgSleep'), false) as sleeping
     from pg_roles left join pg_stat_activity a on a.usename = rolname where rolname = $1 group by 1`,
    [namesOf(tenant).ownerRole],
  )
  return rows[0]
}

test('a migration that holds the row of the owner has ended after its abort, and the owner is closed', async () => {
  const tenant = await ensured()
  const over = new AbortController()
  const running = codeOf(mapper.migrate(tenant.target('database', 1, { signal: over.signal }), [endless]))
  await vi.waitFor(async () => expect(await ownerOf(tenant)).toMatchObject({ sleeping: true }))
  over.abort(new Error('the claim is over'))
  expect(await running).not.toBe('done')
  expect(await ownerOf(tenant)).toEqual({ open: false, sleeping: false, sessions: 0 })
  expect(await codeOf(logIn(namesOf(tenant).ownerRole, 'known'))).toMatch(/^28/)
  // The next one opens the door again.
  const next = { ...endless, file: '1.0.0/002-next.sql', sql: 'create table t ()' }
  expect(await mapper.migrate(tenant.target('database'), [next])).toMatchObject({ applied: [next.file] })
})

test('a migration that holds the row of the owner has ended after its time', async () => {
  const tenant = await ensured()
  const running = mapper.migrate(tenant.target('database', 1, { timeoutMs: 1_000 }), [endless])
  expect(await codeOf(running)).not.toBe('done')
  expect(await ownerOf(tenant)).toEqual({ open: false, sleeping: false, sessions: 0 })
})

test.each(['migrate', 'remove'] as const)(
  '%s ends a migration that was left behind and holds the row of the owner',
  async (verb) => {
    const tenant = await ensured()
    const { ownerRole } = namesOf(tenant)
    await cell.admin.query(`alter role ${ownerRole} login password 'known'`)
    const left = new pg.Client({ connectionString: cell.urlOf(ownerRole, 'known') })
    left.on('error', () => {})
    await left.connect()
    onTestFinished(() => left.end().catch(() => {}))
    await left.query(`begin; ${holdsItsRow}`)
    if (verb === 'remove') await mapper.remove(tenant.target('database'))
    else await mapper.migrate(tenant.target('database'), [])
    expect(await codeOf(left.query('select 1'))).not.toBe('done')
  },
)

const locks: [string, (names: ReturnType<typeof namesOf>) => string][] = [
  ['a default privilege', ({ appRole }) => `alter default privileges grant select on tables to ${appRole}`],
  ['the text of a view', ({ schema }) => `select pg_get_viewdef(oid) from pg_class where relname = 'v_${schema}'`],
  ['the list of views', () => 'select * from pg_views'],
]

test.each(locks)(
  'a tenant that locks another by %s holds up neither its migration nor its removal',
  async (_, lock) => {
    const [tenant, other] = [await ensured(), await ensured()]
    const names = namesOf(tenant)
    const view = { version: '1.0.0', checksum: 'x' }
    const first = {
      ...view,
      file: '1.0.0/001-v.sql',
      sql: `create table t (id int); create view v_${names.schema} as select id from t`,
    }
    const second = { ...view, file: '1.0.0/002-t.sql', sql: 'alter table t add column name text' }
    await mapper.migrate(tenant.target('database'), [first])
    const early = await holding(other, lock(names))
    expect(await mapper.migrate(tenant.target('database'), [first, second])).toMatchObject({ applied: [second.file] })
    await early.end()
    const late = await holding(other, lock(names))
    expect(await mapper.remove(tenant.target('database'))).toEqual({ outcome: 'removed' })
    expect(await codeOf(late.query('select 1'))).not.toBe('done')
  },
)

test('an administrator that locks a tenant is not ended', async () => {
  const tenant = await ensured()
  const administrator = await cell.admin.connect()
  onTestFinished(() => administrator.release())
  await administrator.query(`begin; comment on role ${namesOf(tenant).appRole} is 'mine'`)
  expect(await codeOf(mapper.remove(tenant.target('database')))).toBe('substrate_unavailable')
  expect(await administrator.query('rollback; select 1 as one')).toHaveLength(2)
})
