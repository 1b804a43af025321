import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { serve } from '@hono/node-server'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createTenantDatabase } from '../../../packages/sdk/database/databases.ts'
import { createClient } from '../../../packages/sdk/index.ts'
import { createWorld, type World } from '../../support/world.ts'

/** The SDK against an API and a worker as they are. */
let world: World
let server: ReturnType<typeof serve>
let api: { url: string; apiKey: string }

beforeAll(async () => {
  world = await createWorld()
  await world.worker()
  const { operation } = await world.apply('acme')
  await world.until(operation.id, 'succeeded')
  server = serve({ fetch: world.api().fetch, port: 0, hostname: '127.0.0.1' })
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the API has no port')
  api = { url: `http://127.0.0.1:${address.port}`, apiKey: world.key }
})
afterAll(async () => {
  server.close()
  await world.close()
})

test('the example of the README runs, and under its key once', async () => {
  const root = join(import.meta.dirname, '../../..')
  const readme = readFileSync(join(root, 'packages/sdk/README.md'), 'utf8')
  const [, example = ''] = /```ts\n(import \{ createTenantDatabase [^`]+)```/.exec(readme) ?? []
  const keyFile = join(world.environment.FREEHOLD_STATE_DIR, 'key-of-the-example')
  writeFileSync(keyFile, world.key)
  const code = `${example}console.log(String(id))`
    .replace('http://127.0.0.1:7070', api.url)
    .replace('.freehold/admin.key', keyFile)
  const run = async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module-typescript', '--no-warnings', '--eval', code],
      { cwd: root },
    )
    return stdout
  }
  const id = await run()
  expect(id).toMatch(/^\S+\n$/)
  expect(await run()).toBe(id)
  const database = createTenantDatabase({ api, tenant: 'acme' })
  const { rows } = await database.transaction((client) => client.query(`select from customers where name = 'Joan'`))
  expect(rows).toHaveLength(1)
  await database.close()
})

test('writers see nothing of a rotation, and of a suspended tenant that it is', async () => {
  const client = createClient(api)
  const database = createTenantDatabase({ api, tenant: 'acme', freshMs: 50 })
  let written = 0
  let isRunning = true
  const write = (n: number) =>
    database.transaction(
      (one) => one.query(`insert into customers (name, email) values ('Writer', $1)`, [`${n}@acme.example`]),
      { idempotencyKey: `write ${n}` },
    )
  const writer = (async () => {
    for (; isRunning; written += 1) await write(written)
  })()
  const more = () => {
    const before = written
    return vi.waitFor(() => expect(written).toBeGreaterThan(before + 5), { timeout: 20_000, interval: 20 })
  }
  await more()
  const rotation = await client.rotateCredentials('acme')
  await world.until(rotation.id, 'succeeded')
  await more()
  isRunning = false
  await writer
  const count = () =>
    database.transaction(async (one) => (await one.query(`select from customers where name = 'Writer'`)).rowCount)
  expect(await count()).toBe(written)

  const epoch = (await client.getTenantContext('acme')).epoch
  await world.until((await client.transition('acme', 'suspend', { reason: 'test' })).id, 'succeeded')
  await expect(write(-1)).rejects.toMatchObject({ code: 'transition_not_allowed' })
  await world.until((await client.transition('acme', 'resume', { reason: 'test' })).id, 'succeeded')
  expect((await client.getTenantContext('acme')).epoch).toBeGreaterThan(epoch)
  await vi.waitFor(async () => expect(await count()).toBe(written), { timeout: 5_000, interval: 50 })
  await database.close()
})
