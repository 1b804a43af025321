import { historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { firstBrokenLink } from '../../../crypto/hash-chain.ts'
import { createWorld, type World } from '../../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
  await world.worker()
})
afterAll(() => world.close())

it('no secret and no contact is in any table, event or history', async () => {
  const contact = 'planted.person@secret.example'
  const { tenant, operation } = await world.apply('planted', { contacts: [{ role: 'admin', email: contact }] })
  await world.until(operation.id, 'succeeded')
  const credentials = (await world.request('POST', '/v1/tenants/planted/credentials', {})).body['database'] as {
    password: string
  }
  const planted = [
    contact,
    credentials.password,
    world.environment.TEST_PLATFORM_KEY,
    new URL(world.environment.FREEHOLD_WAREHOUSE_URL).password,
    world.key,
  ]
  const texts = [JSON.stringify(historyToJSON(await (await world.workflow(operation.workflowId)).fetchHistory()))]
  for (const database of ['registry', 'warehouse'] as const) texts.push(...(await everyRow(world.adminUrl(database))))
  expect(texts.some((text) => text.includes(tenant.id))).toBe(true)
  for (const secret of planted) {
    const forms = [
      secret,
      Buffer.from(secret).toString('hex'),
      Buffer.from(secret).toString('base64').replaceAll('=', ''),
    ]
    expect(texts.filter((text) => forms.some((form) => text.includes(form)))).toEqual([])
  }
})

it('the events of a tenant are a chain that shows any change', async () => {
  const { tenant, operation } = await world.apply('chained')
  await world.until(operation.id, 'succeeded')
  const rows = await world.deps.orm.em
    .fork()
    .execute<{ seq: string; previous_hash: string; hash: string; body: string }[]>(
      'select * from events where stream = ? order by seq',
      [tenant.id],
    )
  const links = rows.map((row) => ({
    seq: Number(row.seq),
    previousHash: row.previous_hash,
    hash: row.hash,
    text: row.body,
  }))
  expect(links.length).toBeGreaterThan(5)
  expect(firstBrokenLink(links)).toBeUndefined()
  expect(
    firstBrokenLink(
      links.map((link, index) => (index === 2 ? { ...link, text: link.text.replace('TENANCY', 'tenancy') } : link)),
    ),
  ).toBe(3)
})

/** Every row of every table of a database, as text. */
async function everyRow(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`,
    )
    const texts: string[] = []
    for (const { name } of rows)
      texts.push(
        ...(await client.query<{ text: string }>(`select t::text as text from ${name} t`)).rows.map(({ text }) => text),
      )
    return texts
  } finally {
    await client.end()
  }
}
