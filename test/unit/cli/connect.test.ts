import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { json, operation, startFake, tenant } from './support.ts'

const database = {
  host: '127.0.0.1',
  port: 5433,
  database: 'data',
  schema: 't_k1_prod',
  user: 't_k1_prod_app',
  password: 'p',
  url: 'postgres://t_k1_prod_app:p@127.0.0.1:5433/data',
}
const bus = {
  host: '127.0.0.1',
  port: 7672,
  tls: false,
  topic: 'tenant-k1-prod',
  subscription: 'all',
  keyName: 'tenant',
  key: 'k',
  connectionString:
    'Endpoint=sb://127.0.0.1:7672/;SharedAccessKeyName=tenant;SharedAccessKey=k;EntityPath=tenant-k1-prod',
}

/** What the context of a tenant says of its events. */
function context(transport: 'service-bus' | 'webhooks') {
  return { version: 1, tenantId: tenant('acme').id, environment: 'prod', topology: { events: { transport } } }
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

test('connect --bus prints the connection string of the topic', async () => {
  await using fake = await startFake(({ path }, response) =>
    json(response, 200, path.includes('/context') ? context('service-bus') : { environment: 'staging', database, bus }),
  )
  const { exitCode, stdout } = await fake.freehold(['connect', 'acme', '--bus', '--environment', 'staging'])
  expect([exitCode, stdout]).toEqual([0, `${bus.connectionString}\n`])
  expect(fake.received.map(({ body }) => body)).toEqual(['', '{"environment":"staging"}'])
  expect(fake.received[0]?.path).toBe('/v1/tenants/acme/context?environment=staging')
})

test('connect --bus runs a command with what a service of the tenant needs, and without the database', async () => {
  await using fake = await startFake(({ path }, response) =>
    json(
      response,
      200,
      path.endsWith('/credentials') ? { environment: 'prod', database, bus } : context('service-bus'),
    ),
  )
  const names = ['CONNECTION_STRING', 'TOPIC', 'SUBSCRIPTION'].map((name) => `SERVICE_BUS_${name}`)
  const wanted = [...names, 'TENANT_ID', 'PGPASSWORD', 'DATABASE_URL']
  const script = `require('node:fs').writeFileSync('env.json', JSON.stringify(${JSON.stringify(wanted)}.map(n => process.env[n] ?? null)))`
  const { exitCode } = await fake.freehold(['connect', 'acme', '--bus', '--', process.execPath, '-e', script])
  expect(exitCode).toBe(0)
  expect(JSON.parse(readFileSync(join(fake.cwd, 'env.json'), 'utf8'))).toEqual([
    bus.connectionString,
    'tenant-k1-prod',
    'all',
    tenant('acme').id,
    null,
    null,
  ])
})

test.each([[[]], [['--rotate']]])(
  'connect --bus %j of a tenant without a topic says so and what to do, and changes and reads nothing',
  async (more) => {
    await using fake = await startFake((_, response) => json(response, 200, context('webhooks')))
    const { exitCode, stdout, stderr } = await fake.freehold(['connect', 'acme', '--bus', ...more])
    expect([exitCode, stdout]).toEqual([2, ''])
    expect(stderr).toContain('environment prod of acme has no topic')
    expect(stderr).toContain('next: freehold connect acme')
    expect(fake.received.map(({ method }) => method)).toEqual(['GET'])
  },
)

test('connect --bus --rotate of an environment that is not there changes nothing', async () => {
  await using fake = await startFake((_, response) =>
    json(response, 404, { code: 'environment_not_found', detail: 'tenant acme has no environment "nope"' }),
  )
  const args = ['connect', 'acme', '--bus', '--rotate', '--environment', 'nope']
  const { exitCode, stderr } = await fake.freehold(args)
  expect([exitCode, fake.received.map(({ method }) => method)]).toEqual([3, ['GET']])
  expect(stderr).toContain('code: environment_not_found')
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
