import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTenantContexts, type TenantContext } from '@freehold/sdk'
import { Connection } from '@temporalio/client'
import { submitTask } from '../examples/workloads/submit-task.ts'
import { startWorkloads } from '../examples/workloads/worker.ts'
import { quantile } from './quantile.ts'
import { withStack, type Stack } from './stack.ts'
import { acceptTenant } from './tenant.ts'

/** Milliseconds from starting a task until its result is there. */
type Latency = { p50Ms: number; p95Ms: number; tasks: number }

/** A single task of a quiet tenant, when nothing else runs, and while hundreds of another tenant wait. */
export type FairnessFigures = { idle: Latency; besideNoise: Latency; ratio: { p50Ms: number; p95Ms: number } }

const noisyTasks = 300
const rounds = 3
const taskMs = 50
/** Of the tasks of the quiet tenant those count that begin while this many of the noisy one are not done. */
const stillNoisy = 100

/** Measures with the worker of the example as `npm start` runs it, and tenants of the same plan. */
export async function benchFairness(): Promise<FairnessFigures> {
  return withStack(async (stack) => {
    const contexts = createTenantContexts({ url: stack.api.url, apiKey: stack.api.key })
    const [noisy, quiet] = [await newTenant(stack, contexts), await newTenant(stack, contexts)]
    const connection = await Connection.connect({ address: stack.temporalAddress })
    const worker = await startWorkloads({ address: stack.temporalAddress, contexts })
    const submit = (tenant: TenantContext) =>
      submitTask(connection, tenant, randomUUID(), { name: 'bench', milliseconds: taskMs })
    const once = async () => {
      const begun = performance.now()
      await (await submit(quiet)).result()
      return performance.now() - begun
    }
    try {
      for (let warm = 0; warm < 5; warm += 1) await once()
      const idle: number[] = []
      for (let run = 0; run < 30; run += 1) idle.push(await once())

      const besideNoise: number[] = []
      for (let round = 0; round < rounds; round += 1) {
        let left = noisyTasks
        const tasks = await Promise.all(Array.from({ length: noisyTasks }, () => submit(noisy)))
        const done = Promise.all(tasks.map((task) => task.result().then(() => (left -= 1))))
        while (left > stillNoisy) besideNoise.push(await once())
        await done
      }
      const [before, beside] = [latency(idle), latency(besideNoise)]
      const ratio = { p50Ms: rounded(beside.p50Ms / before.p50Ms), p95Ms: rounded(beside.p95Ms / before.p95Ms) }
      return { idle: before, besideNoise: beside, ratio }
    } finally {
      await worker.stop()
      await connection.close()
    }
  })
}

async function newTenant(stack: Stack, contexts: ReturnType<typeof createTenantContexts>): Promise<TenantContext> {
  const { slug } = await acceptTenant(stack)
  for (;;) {
    const context = await contexts.read(slug, 'prod')
    if (context.state === 'active') return context
    if (context.state === 'failed') throw new Error(`tenant ${slug} failed`)
    await sleep(100)
  }
}

function latency(times: number[]): Latency {
  return { p50Ms: rounded(quantile(times, 0.5)), p95Ms: rounded(quantile(times, 0.95)), tasks: times.length }
}

const rounded = (figure: number): number => Number(figure.toFixed(1))
