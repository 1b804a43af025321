import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { TenantWithTopic } from '../../../bench/tenants-with-topics.ts'
import { openRelayWorld, receiveAll, sequences, upTo, type RelayWorld } from '../../support/relay.ts'

let world: RelayWorld
beforeEach(async () => {
  world = await openRelayWorld()
})
afterEach(() => world.close())

const atGovernance = () => receiveAll(world.high.namespace.connectionString, 'governance')
const atTopic = (topic: string) => receiveAll(world.low.namespace.connectionString, topic)

/** Each topic holds the first `count` events of its tenant and nothing else. */
async function expectAtTopics(tenants: readonly TenantWithTopic[], count: number): Promise<void> {
  const found = await Promise.all(tenants.map(async ({ topic }) => sequences(await atTopic(topic))))
  expect(found).toEqual(tenants.map(({ id }) => ({ [id]: upTo(count) })))
}

/** A relay in a process of its own. */
function relayProcess(doom: 'before-publish' | 'after-publish' | 'when-killed') {
  const child = spawn(process.execPath, [new URL('../../support/doomed-relay.ts', import.meta.url).pathname], {
    env: { PATH: process.env['PATH'], ...world.environment, DOOMED_AT: doom },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return { child, ended: once(child, 'exit') }
}

test('each event arrives once and in order at both destinations, those from before the topic too', async () => {
  const [one, two] = await world.tenants(2)
  if (one === undefined || two === undefined) throw new Error('no tenants')
  const { metrics } = world.relay()
  await Promise.all([world.append(one, 3), world.append(two, 1)])
  await world.delivered()
  await world.openTopic(one)
  await world.openTopic(two)
  for (let turn = 0; turn < 20; turn += 1) await Promise.all([world.append(one, 2), world.append(two, 3)])
  await world.append(two, 400)
  await world.delivered()

  const governed = await atGovernance()
  expect(sequences(governed)).toEqual({ [one.id]: upTo(43), [two.id]: upTo(461) })
  expect(sequences(await atTopic(one.topic))).toEqual({ [one.id]: upTo(43) })
  expect(sequences(await atTopic(two.topic))).toEqual({ [two.id]: upTo(461) })
  for (const { messageId, subject, body, contentType } of governed)
    expect([messageId, subject, contentType]).toEqual([body.id, body.type, 'application/cloudevents+json'])
  const text = await metrics.metrics()
  expect(text).toContain('freehold_relay_published_total{destination="governance"} 504')
  expect(text).toContain('freehold_relay_published_total{destination="topic"} 504')
})

test('anyone can check an event with the published keys, and sees when it was changed', async () => {
  const [tenant] = await world.tenants(1)
  if (tenant === undefined) throw new Error('no tenant')
  await world.append(tenant, 1)
  world.relay()
  await world.delivered()
  const [message] = await atGovernance()
  const server = createServer((_, response) => response.end(JSON.stringify({ keys: [world.signer.publicKey] })))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const keys = `http://127.0.0.1:${(server.address() as AddressInfo).port}/.well-known/freehold/keys.json`
  const check = async (event: object) => {
    const child = spawn(process.execPath, ['examples/verify-event.mjs', keys], { stdio: ['pipe', 'pipe', 'inherit'] })
    child.stdin.end(JSON.stringify(event))
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
    const [code] = await once(child, 'close')
    return [code, said.split(':')[0]]
  }
  try {
    expect(await check(message?.body)).toEqual([0, 'genuine'])
    expect(await check({ ...message?.body, actor: 'key:somebody-else' })).toEqual([1, 'NOT GENUINE'])
    expect(await check({ ...message?.body, keyid: 'another' })).toEqual([1, 'NOT GENUINE'])
    expect(await check({ ...message?.body, signature: undefined })).toEqual([1, 'NOT GENUINE'])
  } finally {
    server.close()
  }
})

test.each(['before-publish', 'after-publish'] as const)(
  'a relay killed %s: another delivers everything, in order and once',
  async (boundary) => {
    const tenants = await world.tenants(3)
    for (const tenant of tenants) {
      await world.append(tenant, 5)
      await world.openTopic(tenant)
    }
    expect(await relayProcess(boundary).ended).toEqual([null, 'SIGKILL'])
    const [{ waiting } = { waiting: 0 }] = await world.sql(
      'select count(*)::int as waiting from deliveries where leased_by is not null and cursor = 0',
    )
    expect(waiting).toBeGreaterThan(0)
    for (const tenant of tenants) await world.append(tenant, 5)
    world.relay()
    await world.delivered()
    expect(sequences(await atGovernance())).toEqual(Object.fromEntries(tenants.map(({ id }) => [id, upTo(10)])))
    await expectAtTopics(tenants, 10)
  },
)

test('of several relays one is killed in the middle: everything arrives, in order and once', async () => {
  const tenants = await world.tenants(10)
  for (const tenant of tenants) await world.append(tenant, 1).then(() => world.openTopic(tenant))
  const [doomed, survivor] = [relayProcess('when-killed'), relayProcess('when-killed')]
  world.relay()
  const published = once(doomed.child.stdout, 'data')
  let appending = true
  let appended = 1
  const append = (async () => {
    while (appending) {
      await Promise.all(tenants.map((tenant) => world.append(tenant, 4)))
      appended += 4
      await sleep(5)
    }
  })()
  await published
  doomed.child.kill('SIGKILL')
  await doomed.ended
  await sleep(300)
  appending = false
  await append
  await world.delivered()
  survivor.child.kill('SIGKILL')
  await survivor.ended
  expect(sequences(await atGovernance())).toEqual(Object.fromEntries(tenants.map(({ id }) => [id, upTo(appended)])))
  await expectAtTopics(tenants, appended)
})

test('a relay that stops gives its leases back, and the next goes on where it was', async () => {
  const [tenant] = await world.tenants(1)
  if (tenant === undefined) throw new Error('no tenant')
  await world.append(tenant, 3_000)
  await world.openTopic(tenant)
  const first = world.relay()
  await world.until('exists (select from deliveries where cursor > 0)')
  await first.stop()
  const held = await world.sql('select stream from deliveries where leased_by is not null')
  expect(held).toEqual([])
  world.relay()
  await world.delivered()
  expect(sequences(await atGovernance())).toEqual({ [tenant.id]: upTo(3_000) })
  expect(sequences(await atTopic(tenant.topic))).toEqual({ [tenant.id]: upTo(3_000) })
})
