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
import { endServersAtOnce } from './server-process.ts'
import { startStack, type Stack } from './stack.ts'
import { welcome } from './welcome.ts'
import { startTenantWorkloads } from './workloads.ts'

const firstTenant = 'examples/tenants/acme.yaml'
const usage = `usage: npm start [-- --fresh]
  --fresh  empties the state directory first`
const closing = createClosing()
const stopping = new AbortController()
/** What is still under way after Ctrl-C is of no interest any more. */
const say = (line: string) => {
  if (!stopping.signal.aborted) console.log(line)
}

/** `npm start`: local stack, worker and API on one machine, and the first tenant on the first start. */
async function start({ fresh }: { fresh: boolean }): Promise<{ died: Promise<string> }> {
  const environment = { LOG_LEVEL: 'warn', ...setVariables(process.env) }
  const stack = await startStack(environment, { fresh, signal: stopping.signal, log: say }, closing)
  stopping.signal.throwIfAborted()
  const composition = await compose(stack.environment, { parts: ['api', 'worker'] }, closing)
  installSdkRuntime(composition.log)
  stopping.signal.throwIfAborted()
  const workerDeps = await composeWorker(composition, closing)
  stopping.signal.throwIfAborted()
  const worker = await runWorker(workerDeps, closing)
  stopping.signal.throwIfAborted()
  const api = await serveApi(composition, closing)
  await provisionFirstTenant(composition.orm, stack, api)
  stopping.signal.throwIfAborted()
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
  await applyFirstTenant(api, adminKey, firstTenant, say, stopping.signal)
}

function readArguments(): { fresh: boolean } {
  const flag = { type: 'boolean', default: false } as const
  try {
    const { values } = parseArgs({ options: { fresh: flag, help: { ...flag, short: 'h' } } })
    if (!values.help) return values
  } catch (error) {
    // The sentences after the first are for who wrote the options.
    console.error(`freehold: ${errorText(error).split('. ')[0]}\n${usage}`)
    process.exit(2)
  }
  console.log(usage)
  process.exit(0)
}

let exitCode = 0
function fail(error: unknown): void {
  exitCode = 1
  const expected = error instanceof LocalStackError || error instanceof FreeholdError
  // Of an error nobody foresaw the stack and nothing else: its properties may hold a connection URL.
  console.error(expected ? `freehold: ${error.message}` : error instanceof Error ? error.stack : error)
}

surviveBrokenPipes()
const options = readArguments()
const stopped = new Promise<void>((done) => stopping.signal.addEventListener('abort', () => done()))
let toldAt: number | undefined
/** npm and `npm run dev` forward a Ctrl-C that the terminal has sent to this process already; that is not a second one. */
const forwardedWithinMs = 1_000
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (toldAt === undefined) {
      toldAt = performance.now()
      say('stopping …')
      stopping.abort()
    } else if (performance.now() - toldAt > forwardedWithinMs) {
      endServersAtOnce()
      process.exit(130)
    }
  })
}
// npm hands a signal on to its shell alone, which dies of it; what it started goes down with it.
const parent = process.ppid
if (process.env['npm_lifecycle_event'] === 'start')
  setInterval(() => {
    if (process.ppid !== parent) stopping.abort()
  }, 500).unref()
// Servers are processes of their own and would outlive this one.
process.on('uncaughtException', (error) => {
  fail(error)
  stopping.abort()
})

const starting = start(options)
try {
  await Promise.race([stopped, starting.then(({ died }) => died).then(throwDeath)])
} catch (error) {
  fail(error)
}
stopping.abort()
// A start interrupted half-way must come to its end first, or what it starts next would stay behind.
await Promise.race([starting.catch(() => undefined), sleep(15_000, undefined, { ref: false })])
for (const fault of await closing.close()) fail(new LocalStackError(fault))
endServersAtOnce()
process.exit(exitCode)

function throwDeath(sentence: string): never {
  throw new LocalStackError(sentence)
}
