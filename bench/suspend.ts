import { setTimeout as sleep } from 'node:timers/promises'
import { createClient, type Client } from '@freehold/sdk'
import { sqlOf } from '../registry/pool.ts'
import { quantile } from './quantile.ts'
import { withStack, type Stack } from './stack.ts'
import { acceptTenant } from './tenant.ts'

/** Milliseconds from the acceptance of a suspend until every door is closed, by the clock of the registry. */
type Suspends = { p50Ms: number; p99Ms: number; worstMs: number }
/** On a stack that has nothing else to do, and while provisions are queued for the same worker. */
export type SuspendRates = { tenants: number; queued: number; alone: Suspends; underLoad: Suspends }

const rounds = 4
const ofEachRound = 20
const atATime = 20

/**
 * Suspends tenants one after the other, first alone, then behind a queue of provisions that is filled anew for each round.
 * Throws when one does not end well.
 */
export async function benchSuspend({ tenants, queued }: { tenants: number; queued: number }): Promise<SuspendRates> {
  return withStack(async (stack) => {
    const client = createClient({ url: stack.api.url, apiKey: stack.api.key, resend: 'never' })
    const slugs: string[] = []
    while (slugs.length < tenants) slugs.push(...(await provisioned(stack, client, atATime)))
    const next = () => slugs.splice(0, ofEachRound)
    const alone = await suspendEach(stack, client, next())
    const underLoad: number[] = []
    for (let round = 0; round < rounds; round += 1) {
      const accepted = await Promise.all(Array.from({ length: queued }, () => acceptTenant(stack)))
      underLoad.push(...(await suspendEach(stack, client, next())))
      await Promise.all(accepted.map(({ operation }) => client.waitForOperation(operation.id)))
    }
    return { tenants, queued, alone: figures(alone), underLoad: figures(underLoad) }
  })
}

async function provisioned(stack: Stack, client: Client, count: number): Promise<string[]> {
  const accepted = await Promise.all(Array.from({ length: count }, () => acceptTenant(stack)))
  await Promise.all(accepted.map(({ operation }) => client.waitForOperation(operation.id)))
  return accepted.map(({ slug }) => slug)
}

async function suspendEach({ deps }: Stack, client: Client, slugs: readonly string[]): Promise<number[]> {
  const took: number[] = []
  for (const slug of slugs) {
    const { id } = await client.transition(slug, 'suspend')
    for (;;) {
      const [ended] = await sqlOf(deps.orm.pool)<{ state: string; ms: number }>({
        name: 'bench-suspend',
        text: `select state, extract(epoch from finished_at - created_at)::float8 * 1000 as ms from operations
          where id = $1 and finished_at is not null`,
        values: [id],
      })
      if (ended !== undefined && ended.state !== 'succeeded') throw new Error(`a suspend ended as ${ended.state}`)
      if (ended !== undefined) took.push(ended.ms)
      if (ended !== undefined) break
      await sleep(20)
    }
  }
  return took
}

function figures(took: readonly number[]): Suspends {
  const [p50Ms, p99Ms, worstMs] = [0.5, 0.99, 1].map((share) => Math.round(quantile(took, share)))
  return { p50Ms: p50Ms ?? 0, p99Ms: p99Ms ?? 0, worstMs: worstMs ?? 0 }
}
