import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePorts } from '../../../local/ports.ts'
import { createWorld, manifest, type World } from '../../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

/** The service as a process with the variables of the world and these. */
function run(service: 'api' | 'worker', more: Record<string, string | undefined> = {}) {
  const { PATH, HOME } = process.env
  const child = spawn(process.execPath, [`${service}/main.ts`], {
    env: { PATH, HOME, ...world.environment, ...more },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  return { child, ended: once(child, 'close'), errors: () => errors }
}

async function untilReady(url: string, { child, errors }: ReturnType<typeof run>): Promise<void> {
  while (
    !(await fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (child.exitCode !== null) throw new Error(`it ended: ${errors()}`)
    await sleep(50)
  }
}

const text = async (url: string) => (await fetch(url)).text()

it('API and worker as processes of their own: each tells its own metrics, and stops when it is told to', async () => {
  const [apiPort = 0, metricsPort = 0] = await freePorts(2)
  const [api, worker] = [`http://127.0.0.1:${apiPort}`, `http://127.0.0.1:${metricsPort}`]
  const processes = [
    run('api', { FREEHOLD_PORT: String(apiPort) }),
    run('worker', { FREEHOLD_METRICS_PORT: String(metricsPort) }),
  ] as const
  await Promise.all([untilReady(api, processes[0]), untilReady(worker, processes[1])])
  expect(await (await fetch(`${worker}/healthz`)).json()).toEqual({ status: 'ok' })
  expect(await (await fetch(`${worker}/readyz`)).json()).toEqual({ registry: true, temporal: true })

  const accepted = await fetch(`${api}/v1/tenants`, {
    method: 'POST',
    headers: { authorization: `Bearer ${world.key}`, 'content-type': 'application/json' },
    body: JSON.stringify(manifest('apart')),
  })
  expect(accepted.status).toBe(202)
  const { operation } = (await accepted.json()) as { operation: { id: string } }
  await world.until(operation.id, 'succeeded')

  const [ofApi, ofWorker] = [await text(`${api}/metrics`), await text(`${worker}/metrics`)]
  expect(ofApi).toContain('freehold_registry_up 1')
  expect(ofApi).toContain('freehold_tenants{state="active"} 1')
  expect(ofApi).not.toContain('freehold_sweep')
  expect(ofWorker).toMatch(/freehold_activity_duration_seconds_count\{activity="settle",outcome="succeeded"\} 1/)
  expect(ofWorker).toMatch(/freehold_sweep_last_success_timestamp_seconds [1-9]/)
  expect(ofWorker).not.toContain('freehold_tenants')
  for (const metrics of [ofApi, ofWorker]) expect(metrics).toContain('process_resident_memory_bytes ')

  for (const { child } of processes) child.kill('SIGTERM')
  expect(await Promise.all(processes.map(({ ended }) => ended))).toEqual([
    [0, null],
    [0, null],
  ])
})

const services = ['api', 'worker'] as const
const cases: [string, Record<string, string | undefined>, string][] = [
  [
    'a Temporal server that does not answer',
    { TEMPORAL_ADDRESS: '127.0.0.1:1' },
    'the Temporal server is not usable (',
  ],
  ['an unknown variable', { FREEHOLD_PROT: '1' }, 'unknown variable FREEHOLD_PROT'],
  ['no database', { DATABASE_URL: undefined }, 'DATABASE_URL'],
  [
    'a database that does not answer',
    { DATABASE_URL: 'postgres://someone:planted-secret@127.0.0.1:1/x' },
    'the registry database is not usable (connect ECONNREFUSED 127.0.0.1:1); see DATABASE_URL',
  ],
  [
    'a database address that is none',
    { DATABASE_URL: 'postgres://someone:planted-secret@127.0.0.1:port/x' },
    'the environment is not usable: DATABASE_URL: must be a URL such as',
  ],
]

describe('a service that cannot start says why in one sentence', () => {
  /** How it ended, and the lines it said. */
  async function start(service: 'api' | 'worker', more: Record<string, string | undefined>) {
    const { ended, errors } = run(service, more)
    return { ended: await ended, lines: errors().trim().split('\n') }
  }
  const refusal = (service: string, sentence: string) => ({
    ended: [1, null],
    lines: [
      expect.stringMatching(new RegExp(`^freehold ${service}: (?!.*planted-secret).*${RegExp.escape(sentence)}`)),
    ],
  })

  it.concurrent.each(cases.flatMap(([name, ...rest]) => services.map((service) => [name, service, ...rest] as const)))(
    '%s: %s',
    async (_, service, more, sentence) => {
      expect(await start(service, more)).toEqual(refusal(service, sentence))
    },
  )

  it.concurrent.each(services)('a database that is not migrated: %s', async (service) => {
    expect(await start(service, { DATABASE_URL: world.adminUrl('warehouse') })).toEqual(
      refusal(
        service,
        'the registry database is not usable (relation "mikro_orm_migrations" does not exist); see DATABASE_URL',
      ),
    )
  })

  it.concurrent.each(services)('a port that is taken: %s', async (service) => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const variable = service === 'api' ? 'FREEHOLD_PORT' : 'FREEHOLD_METRICS_PORT'
    const sentence = `port ${port} of 127.0.0.1 is taken by another program; see ${variable} and FREEHOLD_HOST`
    expect(await start(service, { [variable]: String(port) })).toEqual(refusal(service, sentence))
    server.close()
  })
})
