import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { WorkflowNotFoundError } from '@temporalio/client'
import { NativeConnection, Worker } from '@temporalio/worker'
import { findOperation } from '../registry/operations.ts'
import { openMeter, usedPer, type Used } from './cost.ts'
import { measureFloor } from './floor.ts'
import type { NoOpActivities } from './no-op-workflow.ts'
import { quantile } from './quantile.ts'
import { withStack, type Stack } from './stack.ts'
import { acceptTenant, type Accepted } from './tenant.ts'

/** Milliseconds from the request until it is done, one after the other, and how many a second with many in flight. */
type Rates = { p50Ms: number; p95Ms: number; perSecond: number }

/**
 * Provisioning beside a workflow that does nothing, what each provision uses, what the same DDL takes as one script, and
 * what it takes the API to accept a manifest while the worker has half of all it can do.
 */
export type ProvisionRates = {
  provision: Rates
  noOp: Rates
  /** Of provisioning to nothing: p50 and p95 are better when small, perSecond when large. */
  ratio: Rates
  perProvision: Used
  cpuMsPerStep: number
  floorMs: number
  accept: { perSecond: number; p50Ms: number; p99Ms: number }
}

type Once = () => Promise<unknown>

/**
 * The yardstick: how many activities run side by side in each hop of the no-op. What provisioning took when the figure was
 * first aimed at, and it stays, whatever provisioning becomes.
 */
const yardstick = [1, 3, 3, 1, 1]
const serialRuns = 30
const parallelRuns = 60
const inFlight = 20
const acceptSeconds = 10
const idleSeconds = 5
const noOpQueue = 'bench-no-op'

/**
 * Provisions tenants from the request to the end of the workflow, in turn with a no-op workflow on the same server, started
 * through the same client: so whatever else the machine does slows both. Throws when a tenant does not become active.
 */
export async function benchProvision(): Promise<ProvisionRates> {
  return withStack(async (stack) => {
    const provision = () => provisionOne(stack)
    return withNoOpWorker(stack, async () => {
      const noOp = () => noOpOnce(stack)
      // The first ones open connections and fill caches.
      for (let i = 0; i < 5; i += 1) await Promise.all([provision(), noOp()])
      const [serial, noOpSerial] = await serially(provision, noOp)
      const [parallel, noOpParallel] = await inParallel(provision, noOp)
      const rates = { ...quantiles(serial), perSecond: parallel }
      const noOpRates = { ...quantiles(noOpSerial), perSecond: noOpParallel }
      const perProvision = await useOf(stack, provision)
      const steps = await stepsOf(stack, await provision())
      const { nodeMs, postgresMs, temporalMs } = perProvision
      return {
        provision: rounded(rates, 1),
        noOp: rounded(noOpRates, 1),
        ratio: rounded(
          {
            p50Ms: rates.p50Ms / noOpRates.p50Ms,
            p95Ms: rates.p95Ms / noOpRates.p95Ms,
            perSecond: rates.perSecond / noOpRates.perSecond,
          },
          2,
        ),
        perProvision,
        cpuMsPerStep: Math.round(((nodeMs + postgresMs + temporalMs) / steps) * 10) / 10,
        floorMs: Math.round((await measureFloor(stack)) * 10) / 10,
        accept: rounded(await acceptWhileProvisioning(stack, parallel / 2), 1),
      }
    })
  })
}

/** What one provision uses, one after the other, without what sweep and relay use anyway. */
async function useOf(stack: Stack, provision: Once): Promise<Used> {
  const meter = await openMeter(stack)
  try {
    const quiet = await meter.sample()
    await sleep(idleSeconds * 1_000)
    const before = await meter.sample()
    const started = performance.now()
    for (let run = 0; run < serialRuns; run += 1) await provision()
    const share = (performance.now() - started) / 1_000 / idleSeconds
    const after = await meter.sample()
    const idle = (key: keyof Used) => (before[key] - quiet[key]) * share
    return usedPer(serialRuns, before, after, {
      statements: idle('statements'),
      nodeMs: idle('nodeMs'),
      postgresMs: idle('postgresMs'),
      temporalMs: idle('temporalMs'),
    })
  } finally {
    await meter.close()
  }
}

async function serially(...kinds: [Once, Once]): Promise<[number[], number[]]> {
  const times: [number[], number[]] = [[], []]
  for (let run = 0; run < serialRuns; run += 1)
    for (const [index, once] of kinds.entries()) times[index]?.push(await millisecondsOf(once))
  return times
}

/** How many of each a second: half of the first kind, all of the second, the other half of the first. */
async function inParallel(first: Once, second: Once): Promise<[number, number]> {
  const before = await millisecondsOf(() => many(first, parallelRuns / 2))
  const between = await millisecondsOf(() => many(second, parallelRuns))
  const after = await millisecondsOf(() => many(first, parallelRuns / 2))
  return [(parallelRuns * 1000) / (before + after), (parallelRuns * 1000) / between]
}

async function many(once: Once, count: number): Promise<void> {
  let left = count
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (left-- > 0) await once()
    }),
  )
}

/** Sends requests by the clock, however slow the answers are, and waits until all of what was accepted is active. */
async function acceptWhileProvisioning(stack: Stack, perSecond: number): Promise<ProvisionRates['accept']> {
  const times: number[] = []
  const begun = performance.now()
  const done: Promise<unknown>[] = []
  for (let index = 0; index < perSecond * acceptSeconds; index += 1) {
    const due = begun + (index * 1000) / perSecond
    await sleep(Math.max(0, due - performance.now()))
    done.push(
      acceptTenant(stack).then((accepted) => {
        times.push(performance.now() - due)
        return untilActive(stack, accepted)
      }),
    )
  }
  await Promise.all(done)
  return { perSecond, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) }
}

async function provisionOne(stack: Stack): Promise<Accepted> {
  const accepted = await acceptTenant(stack)
  await untilActive(stack, accepted)
  return accepted
}

/** The workflow is awaited, which costs the same as with the no-op; the API starts it after its answer. */
async function untilActive({ client }: Stack, { operation }: Accepted): Promise<void> {
  for (;;) {
    try {
      return await client.workflow.getHandle(operation.workflowId).result()
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error
      await sleep(2)
    }
  }
}

/** How many steps an operation has, its beginning and its end included. */
async function stepsOf({ deps }: Stack, { operation }: Accepted): Promise<number> {
  const { steps } = await findOperation(deps.orm.em.fork(), operation.id)
  return steps.length + 2
}

async function noOpOnce({ client }: Stack): Promise<void> {
  const handle = await client.workflow.start('noOp', {
    workflowId: `no-op/${randomUUID()}`,
    taskQueue: noOpQueue,
    args: [yardstick],
  })
  await handle.result()
}

async function withNoOpWorker<T>(stack: Stack, work: () => Promise<T>): Promise<T> {
  const connection = await NativeConnection.connect({ address: stack.temporalAddress })
  try {
    const worker = await Worker.create({
      connection,
      namespace: stack.temporalNamespace,
      taskQueue: noOpQueue,
      workflowsPath: new URL('./no-op-workflow.ts', import.meta.url).pathname,
      activities: { nothing: async () => {} } satisfies NoOpActivities,
      maxConcurrentActivityTaskExecutions: stack.concurrency,
    })
    return await worker.runUntil(work)
  } finally {
    await connection.close()
  }
}

async function millisecondsOf(once: Once): Promise<number> {
  const start = performance.now()
  await once()
  return performance.now() - start
}

function quantiles(times: number[]): { p50Ms: number; p95Ms: number } {
  return { p50Ms: quantile(times, 0.5), p95Ms: quantile(times, 0.95) }
}

function rounded<T extends Record<string, number>>(figures: T, digits: number): T {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, Number(value.toFixed(digits))])) as T
}
