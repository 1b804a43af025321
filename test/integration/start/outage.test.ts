import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startProxy, type Proxy } from '../../support/proxy.ts'
import { startService, type Service } from '../../support/service.ts'
import { createWorld, type World } from '../../support/world.ts'

/** API and worker while their registry is gone: they say so in time, come back by themselves, and stop when told to. */
let world: World
let proxy: Proxy
let api: Service
let worker: Service
beforeAll(async () => {
  world = await createWorld()
  const url = new URL(world.environment.DATABASE_URL)
  proxy = await startProxy({ host: url.hostname, port: Number(url.port) })
  const environment = { ...world.environment, DATABASE_URL: proxy.through(url.href) }
  api = await startService('api', environment)
  worker = await startService('worker', environment)
})
afterAll(async () => {
  await proxy.stop()
  await world.close()
})

/** Status and body, and how long they took. */
async function ask(url: string) {
  const started = performance.now()
  const answer = await fetch(url, { headers: { authorization: `Bearer ${world.key}` } })
  return { status: answer.status, body: await answer.json(), ms: performance.now() - started }
}

async function untilReady(): Promise<void> {
  for (const { url } of [api, worker]) while ((await ask(`${url}/readyz`)).status !== 200) await sleep(50)
}

it.each(['silent', 'gone'] as const)('%s: readiness names the registry within 2 s', async (how) => {
  if (how === 'silent') proxy.silence()
  else await proxy.cut()
  const [ofApi, ofWorker] = await Promise.all([ask(`${api.url}/readyz`), ask(`${worker.url}/readyz`)])
  expect(ofApi).toMatchObject({ status: 503, body: { code: 'not_ready', detail: 'not answering: registry' } })
  expect(ofWorker).toMatchObject({ status: 503, body: { registry: false, temporal: true } })
  for (const { ms } of [ofApi, ofWorker]) expect(ms).toBeLessThan(3_500)
  expect(await ask(`${api.url}/v1/tenants`)).toMatchObject({ status: 503, body: { code: 'registry_unavailable' } })
  await proxy.resume()
  await untilReady()
  expect(await ask(`${api.url}/v1/tenants`)).toMatchObject({ status: 200 })
})

it('stops in time while the registry is silent', async () => {
  proxy.silence()
  const started = performance.now()
  await Promise.all([api.stop(), worker.stop()])
  expect(performance.now() - started).toBeLessThan(45_000)
})
