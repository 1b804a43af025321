import { once } from 'node:events'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { serve } from '@hono/node-server'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClosing } from '../../../base/closing.ts'
import { checkLedger } from '../../../examples/shop/ledger.ts'
import { createTenantDatabase } from '../../../packages/sdk/database/databases.ts'
import { createClient } from '../../../packages/sdk/index.ts'
import { demonstrate } from '../../../scripts/demo-move/demonstration.ts'
import { openDisplay } from '../../../scripts/demo-move/display.ts'
import { tries } from '../../support/timing.ts'
import { createWorld, type World } from '../../support/world.ts'

let world: World
let server: ReturnType<typeof serve>
const closing = createClosing()

beforeAll(async () => {
  const migrationsDir = join(import.meta.dirname, '../../../examples/shop/schemas')
  world = await createWorld({ migrationsDir, timing: { heartbeatMs: 5_000, tryMs: tries(30_000) } })
  await world.worker()
  server = serve({ fetch: world.api().fetch, port: 0, hostname: '127.0.0.1' })
  await once(server, 'listening')
})
afterAll(async () => {
  await closing.close()
  server.close()
  await world.close()
})

test('the demonstration moves a small shop there, back and for good, and finds that all is well', async () => {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the API has no port')
  const api = { url: `http://127.0.0.1:${address.port}`, apiKey: world.key }
  const stack = { api, client: createClient(api), superuserUrl: world.adminUrl('warehouse') }
  const out = new PassThrough({ encoding: 'utf8' })
  const display = openDisplay(out)
  const wanted = { megabytes: 1, writers: 2, quietMs: 600 }
  const { figures, wrong } = await demonstrate(stack, display, wanted, closing).finally(() => display.close())
  const printed = String(out.read())

  expect(wrong).toEqual([])
  expect(figures).toMatchObject({ clientErrors: 0, lost: 0, duplicated: 0, equal: true, leftovers: 0 })
  for (const figure of ['size', 'transactions', 'medianLatencyMs', 'fenceMs', 'longestGapMs', 'rowsVerified'] as const)
    expect(figures[figure]).toBeGreaterThan(0)
  expect(figures.rollbackFenceMs).toBeGreaterThan(0)
  expect(printed).toMatch(/orders +\d+ rows {2}\S+ +equal\n/)
  // No colours, nothing redrawn.
  for (const control of ['\r', '\u001B']) expect(printed).not.toContain(control)

  // The ledger would have told.
  const database = createTenantDatabase({ api, tenant: 'shop' })
  const twice = `insert into orders (customer_id, reference) select customer_id, reference from orders where reference is not null limit 1`
  await database.transaction((client) => client.query(twice).then())
  expect(await checkLedger(database, ['never entered'])).toMatchObject({ lost: 1, duplicated: 1, incomplete: 2 })
  await database.close()
})
