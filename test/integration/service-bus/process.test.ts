import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { ServiceBusAdministrationClient, ServiceBusClient } from '@azure/service-bus'
import { expect, onTestFinished, test } from 'vitest'
import { receive } from './broker.ts'

const main = fileURLToPath(new URL('../../../packages/service-bus-broker/main.ts', import.meta.url))

function run(dataDir: string, environment: Record<string, string> = {}) {
  const env = { ...process.env, SERVICE_BUS_DATA_DIR: dataDir, SERVICE_BUS_NAMESPACES: 'own:0:0', ...environment }
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  return { child, exited: once(child, 'exit') }
}

async function temporary() {
  const dataDir = await mkdtemp(join(tmpdir(), 'freehold-service-bus-'))
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }))
  return dataDir
}

async function ready(dataDir: string) {
  const { child, exited } = run(dataDir)
  const [line]: string[] = await once(createInterface(child.stdout), 'line')
  const connections = join(dataDir, 'connections.json')
  expect(JSON.parse(line ?? '')).toMatchObject({ ready: true, connections, namespaces: [{ name: 'own' }] })
  expect(line).not.toContain('SharedAccessKey')
  expect((await stat(connections)).mode & 0o077).toBe(0)
  const [namespace] = JSON.parse(await readFile(connections, 'utf8'))
  return { child, exited, namespace }
}

test('as a process it says when it is ready, and keeps what it accepted when it is killed', async () => {
  const dataDir = await temporary()
  const first = await ready(dataDir)
  const admin = new ServiceBusAdministrationClient(first.namespace.adminConnectionString, {
    tlsOptions: { ca: first.namespace.ca },
  })
  await admin.createTopic('t')
  await admin.createSubscription('t', 's')
  const sender = new ServiceBusClient(first.namespace.connectionString)
  await sender.createSender('t').sendMessages(Array.from({ length: 500 }, (_, body) => ({ body })))
  first.child.kill('SIGKILL')
  await first.exited
  await sender.close()

  const second = await ready(dataDir)
  const client = new ServiceBusClient(second.namespace.connectionString)
  const messages = await receive(client.createReceiver('t', 's', { receiveMode: 'receiveAndDelete' }), 500)
  expect(messages.map(({ body }) => body)).toEqual(Array.from({ length: 500 }, (_, i) => i))
  await client.close()
  second.child.kill('SIGTERM')
  expect(await second.exited).toEqual([0, null])
})

test('as a process it does not start with a host that is not loopback, or a list it cannot read', async () => {
  const dataDir = await temporary()
  for (const [environment, message] of [
    [{ SERVICE_BUS_HOST: '0.0.0.0' }, 'loopback only'],
    [{ SERVICE_BUS_NAMESPACES: 'own:http' }, 'name:amqpPort:adminPort'],
  ] as const) {
    const { child, exited } = run(dataDir, environment)
    let errors = ''
    child.stderr.on('data', (chunk) => (errors += String(chunk)))
    const [code] = await exited
    expect(code).not.toBe(0)
    expect(errors).toContain(message)
  }
})
