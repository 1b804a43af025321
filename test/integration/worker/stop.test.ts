import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePorts } from '../../../local/ports.ts'
import { startProxy } from '../../support/proxy.ts'
import { createWorld, type World } from '../../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

const boundSeconds = 20
async function secondsOf(work: Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work
  return (performance.now() - began) / 1_000
}

test.concurrent('a step that hangs for ever frees its slot when its worker stops, and another worker takes it up', async () => {
  let hangs = () => {}
  const hanging = new Promise<void>((resolve) => (hangs = resolve))
  const ensure = () => {
    hangs()
    return new Promise<never>(() => {})
  }
  const { mappers } = world.deps
  const taskQueue = `${world.name}-hanging`
  const worker = await world.worker({ mappers: { ...mappers, secrets: { ...mappers.secrets, ensure } } }, taskQueue)
  const { id } = await world.applyOn(taskQueue, 'hanging')
  await hanging
  expect(await secondsOf(worker.stop())).toBeLessThan(boundSeconds)
  await world.worker({}, taskQueue)
  await world.until(id, 'succeeded')
})

test.concurrent.for(['api', 'worker'] as const)(
  'SIGTERM ends the %s in time when the registry has fallen silent in the middle of its work',
  async (service, { onTestFinished }) => {
    const url = new URL(world.environment.DATABASE_URL)
    const proxy = await startProxy({ host: url.hostname, port: Number(url.port) })
    onTestFinished(() => proxy.stop())
    const [port = 0] = await freePorts(1)
    const taskQueue = `${world.name}-silent-${service}`
    const child = spawn(process.execPath, [`${service}/main.ts`], {
      env: {
        PATH: process.env['PATH'],
        ...world.environment,
        DATABASE_URL: proxy.through(url.href),
        LOG_LEVEL: 'info',
        FREEHOLD_TASK_QUEUE: taskQueue,
        [service === 'api' ? 'FREEHOLD_PORT' : 'FREEHOLD_METRICS_PORT']: String(port),
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    let errors = ''
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
    const ended = once(child, 'exit')
    while (!/API listens|worker is running/.test(errors)) {
      if (child.exitCode !== null) throw new Error(`it ended: ${errors}`)
      await sleep(50)
    }
    proxy.silence()
    const headers = { authorization: `Bearer ${world.key}` }
    // What is under way then waits for the registry, and gets no answer.
    if (service === 'api') void fetch(`http://127.0.0.1:${port}/v1/tenants`, { headers }).catch(() => {})
    else await world.applyOn(taskQueue, 'silent')
    await sleep(1_000)
    child.kill('SIGTERM')
    expect(await secondsOf(ended)).toBeLessThan(boundSeconds)
    const [code, signal] = await ended
    expect(signal).toBeNull()
    const sentences = errors.split('\n').filter((line) => line.startsWith(`freehold ${service}: `))
    expect(code).toBe(sentences.length === 0 ? 0 : 1)
  },
)
