import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { startApi } from '../../../api/server.ts'
import { apiMetrics, createMetricsRegistry } from '../../../base/metrics.ts'
import { createLogger } from '../../../base/logger.ts'
import { createClient } from '../../../packages/sdk/index.ts'
import { tenantTopics } from '../../../packages/tenant-worker/topics/index.ts'
import { createWorld, type World } from '../../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

/** Starts one of the programs of `examples/bus`; it is told to end with the test. */
function start(file: string, environment: Record<string, string>) {
  const child = spawn(process.execPath, [`examples/bus/${file}`], {
    env: { PATH: process.env['PATH'], ...environment },
  })
  const lines = { text: '' }
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (lines.text += text))
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve))
  onTestFinished(async () => {
    child.kill()
    await Promise.race([ended, sleep(10_000)])
    child.kill('SIGKILL')
  })
  return { lines, ended, stop: () => child.kill() }
}

/** The API on a port. */
async function serve(): Promise<string> {
  const { orm, platform, platformKey, signer, migrations } = world.deps
  const api = await startApi({
    orm,
    platform,
    platformKey,
    signer,
    migrations,
    starter: world.starter,
    log: createLogger({ LOG_LEVEL: 'silent' }),
    metrics: apiMetrics(createMetricsRegistry()),
    temporalNamespace: 'freehold',
    ready: async () => ({}),
    host: '127.0.0.1',
    port: 0,
  })
  onTestFinished(() => api.stop())
  return api.url
}

it('a service of a tenant talks to its own topic, and the platform hears all tenants', async () => {
  await world.worker()
  const applied = await Promise.all(['one', 'two'].map((slug) => world.apply(slug)))
  await Promise.all(applied.map(({ operation }) => world.until(operation.id, 'succeeded')))
  const url = await serve()
  const inOrder = applied.toSorted((a, b) => a.tenant.id.localeCompare(b.tenant.id))
  expect(await tenantTopics(createClient({ url, apiKey: world.key }))).toEqual(
    inOrder.map(({ tenant }) => ({
      tenantId: tenant.id,
      environment: 'prod',
      bus: 'eu-north-bus-1',
      topic: `tenant-${tenant.code}-prod`,
    })),
  )
  const connectionString = world.bus.namespace.connectionString
  const platform = start('platform-service.ts', {
    SERVICE_BUS_CONNECTION_STRING: connectionString,
    FREEHOLD_URL: url,
    FREEHOLD_API_KEY: world.key,
  })
  for (const { tenant } of applied) {
    const { body } = await world.request('POST', `/v1/tenants/${tenant.slug}/credentials`, {})
    const bus = body['bus'] as { connectionString: string; topic: string; subscription: string }
    const service = start('tenant-service.ts', {
      SERVICE_BUS_CONNECTION_STRING: bus.connectionString,
      SERVICE_BUS_TOPIC: bus.topic,
      SERVICE_BUS_SUBSCRIPTION: bus.subscription,
      TENANT_ID: tenant.id,
    })
    expect([await service.ended, service.lines.text]).toEqual([
      0,
      expect.stringContaining('order.created {"order":4711}'),
    ])
  }
  for (const { tenant } of applied)
    await expect
      .poll(() => platform.lines.text, { timeout: 20_000 })
      .toContain(`${tenant.id} prod order.created {"order":4711}`)
  platform.stop()
  expect(await platform.ended).toBe(0)
})
