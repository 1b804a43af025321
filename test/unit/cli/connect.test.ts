import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { json, operation, startFake } from './support.ts'

const database = {
  host: '127.0.0.1',
  port: 5433,
  database: 'data',
  schema: 't_k1_prod',
  user: 't_k1_prod_app',
  password: 'p',
  url: 'postgres://t_k1_prod_app:p@127.0.0.1:5433/data',
}

test('connect prints the URL, of the environment asked for', async () => {
  await using fake = await startFake((_, response) => json(response, 200, { environment: 'staging', database }))
  const { exitCode, stdout } = await fake.freehold(['connect', 'acme', '--environment', 'staging'])
  expect([exitCode, stdout]).toEqual([0, `${database.url}\n`])
  expect(fake.received).toMatchObject([
    { method: 'POST', path: '/v1/tenants/acme/credentials', body: '{"environment":"staging"}' },
  ])
})

test('connect runs a command with the connection in its environment and ends with its exit code', async () => {
  await using fake = await startFake((_, response) => json(response, 200, { environment: 'prod', database }))
  const names = ['PGHOST', 'PGPORT', 'PGDATABASE', 'PGUSER', 'PGPASSWORD', 'DATABASE_URL']
  const script = `require('node:fs').writeFileSync('env.json', JSON.stringify(${JSON.stringify(names)}.map(n => process.env[n]))); process.exit(7)`
  const { exitCode, stdout } = await fake.freehold(['connect', 'acme', '--', process.execPath, '-e', script])
  expect([exitCode, stdout]).toEqual([7, ''])
  expect(JSON.parse(readFileSync(join(fake.cwd, 'env.json'), 'utf8'))).toEqual([
    '127.0.0.1',
    '5433',
    'data',
    't_k1_prod_app',
    'p',
    database.url,
  ])
  const missing = await fake.freehold(['connect', 'acme', '--', 'no-such-program-here'])
  expect(missing.exitCode).toBe(127)
  expect(missing.stderr).toContain('no-such-program-here')
})

test('connect --rotate waits for the new password before it reads it', async () => {
  await using fake = await startFake(({ path, body }, response) => {
    if (body.includes('rotate')) return json(response, 202, { operation: operation({ kind: 'rotate-credentials' }) })
    if (!path.endsWith('/stream')) return json(response, 200, { environment: 'prod', database })
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const settled = operation({ kind: 'rotate-credentials', state: 'succeeded' })
    response.end(`id: 2\nevent: operation\ndata: ${JSON.stringify(settled)}\n\n`)
  })
  const { exitCode, stdout } = await fake.freehold(['connect', 'acme', '--rotate'])
  expect([exitCode, stdout]).toEqual([0, `${database.url}\n`])
  expect(fake.received.map(({ body }) => body)).toEqual(['{"rotate":true}', '', '{}'])
})
