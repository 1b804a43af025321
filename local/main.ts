import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { serveApi } from '../api/compose.ts'
import { createClosing } from '../base/closing.ts'
import { setVariables } from '../base/config.ts'
import { surviveBrokenPipes } from '../base/service.ts'
import { errorText, FreeholdError } from '../domain/errors.ts'
import { compose } from '../registry/compose.ts'
import { Tenant } from '../registry/entities/tenant.ts'
import type { Orm } from '../registry/orm.ts'
import { composeWorker } from '../worker/compose.ts'
import { installSdkRuntime } from '../worker/sdk-runtime.ts'
import { runWorker } from '../worker/worker.ts'
import { LocalStackError } from './errors.ts'
import { applyFirstTenant } from './first-tenant.ts'
import { startStack, type Stack } from './stack.ts'
import { startTenantWorkloads } from './workloads.ts'

const firstTenant = 'examples/tenants/acme.yaml'
const say = (line: string) => console.log(line)
const closing = createClosing()
const stopping = new AbortController()

/** `npm start`: local stack, worker and API on one machine, and the first tenant on the first start. */
async function start(): Promise<{ died: Promise<string> }> {
  const { values } = parseArgs({ options: { fresh: { type: 'boolean', default: false } } })
  const environment = { LOG_LEVEL: 'warn', ...setVariables(process.env) }
  const stack = await startStack(environment, { fresh: values.fresh, signal: stopping.signal, log: say }, closing)
  const composition = await compose(stack.environment, { parts: ['api', 'worker'] }, closing)
  installSdkRuntime(composition.log)
  const worker = await runWorker(await composeWorker(composition, closing), closing)
  const api = await serveApi(composition, closing)
  await provisionFirstTenant(composition.orm, stack, api)
  const { stateDir, temporalAddress } = stack
  const workloads = await startTenantWorkloads(composition.orm, { stateDir, api, temporalAddress })
  closing.add("the worker of tenants' tasks", () => workloads.stop(), 15_000)
  say(welcome(api, stack))
  const diedOf = (name: string, ended: Promise<unknown>) =>
    ended.then(
      () => `${name} ended by itself`,
      (error: unknown) => `${name} died: ${errorText(error)}`,
    )
  return {
    died: Promise.race([
      stack.died,
      diedOf('the worker', worker.died),
      diedOf("the worker of tenants' tasks", workloads.ended),
    ]),
  }
}

async function provisionFirstTenant(orm: Orm, { adminKey }: Stack, api: string): Promise<void> {
  if ((await orm.em.fork().count(Tenant, {})) > 0) return
  await applyFirstTenant(api, adminKey, firstTenant, say)
}

/** Where programs in another terminal look by themselves. */
const defaults = { FREEHOLD_URL: 'http://127.0.0.1:7070', TEMPORAL_ADDRESS: '127.0.0.1:7233' }

function welcome(api: string, { temporalAddress, temporalUiUrl: ui }: Stack): string {
  const here = { FREEHOLD_URL: api, TEMPORAL_ADDRESS: temporalAddress }
  const told = (['FREEHOLD_URL', 'TEMPORAL_ADDRESS'] as const).filter((name) => here[name] !== defaults[name])
  return [
    '',
    'Freehold is up.',
    `  API            ${api}`,
    `  API reference  ${api}/docs`,
    ...(ui === undefined ? [] : [`  Temporal UI    ${ui}`]),
    '',
    'Try next, in another terminal:',
    ...told.map((name) => `  export ${name}=${here[name]}`),
    '  npx freehold list',
    '  npx freehold describe acme',
    '  npx freehold connect acme -- psql',
    '  npx node examples/workloads/submit.ts acme',
    '',
    'Ctrl-C stops everything; state is kept.',
  ].join('\n')
}

let exitCode = 0
function fail(error: unknown): void {
  exitCode = 1
  const expected = error instanceof LocalStackError || error instanceof FreeholdError
  // Of an error nobody foresaw the stack and nothing else: its properties may hold a connection URL.
  console.error(expected ? `freehold: ${error.message}` : error instanceof Error ? error.stack : error)
}

surviveBrokenPipes()
const stopped = new Promise<void>((done) => stopping.signal.addEventListener('abort', () => done()))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (stopping.signal.aborted) return
    say('stopping …')
    stopping.abort()
  })
}
// Servers are processes of their own and would outlive this one.
process.on('uncaughtException', (error) => {
  fail(error)
  stopping.abort()
})

const starting = start()
try {
  await Promise.race([stopped, starting.then(({ died }) => died).then(throwDeath)])
} catch (error) {
  fail(error)
}
stopping.abort()
// A start interrupted half-way must come to its end first, or what it starts next would stay behind.
await Promise.race([starting.catch(() => undefined), sleep(15_000, undefined, { ref: false })])
for (const fault of await closing.close()) fail(new LocalStackError(fault))
process.exit(exitCode)

function throwDeath(sentence: string): never {
  throw new LocalStackError(sentence)
}
