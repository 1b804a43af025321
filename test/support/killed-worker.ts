import { createInterface } from 'node:readline'
import { expect } from 'vitest'
import { FreeholdError } from '../../domain/errors.ts'
import { sqlOf } from '../../registry/pool.ts'
import { brokenEnvironment } from './boundaries.ts'
import { aroundVerbs } from './verbs.ts'
import { killed, startWorkerProcess } from './worker-process.ts'
import type { SeenOperation, SeenTenant, World } from './world.ts'

/** An operation in whose middle a worker is killed, at which boundary, and how it is to end. */
export type Doomed = { boundary: string; tenant: SeenTenant; operation: string; end: SeenOperation['state'] }

/** Kills a worker once it has stopped everywhere, and lets another one go on until all have ended. */
export async function killWorkerAndGoOn(world: World, doomed: readonly Doomed[]): Promise<void> {
  const plan = Object.fromEntries(doomed.map(({ tenant, boundary }) => [tenant.id, boundary]))
  const doomedWorker = startWorkerProcess(world, plan)
  const waiting = new Set(Object.keys(plan))
  try {
    for await (const line of createInterface({ input: doomedWorker.stdout })) {
      waiting.delete(line.replace('stopped ', ''))
      if (waiting.size === 0) break
    }
  } finally {
    expect(await killed(doomedWorker)).toEqual([null, 'SIGKILL'])
  }
  expect([...waiting]).toEqual([])
  const mappers = aroundVerbs(world.deps.mappers, async ({ action, target }, run) => {
    if (action === 'migrate' && target.spec.environment === brokenEnvironment)
      throw new FreeholdError('migration_failed', 'this environment is broken')
    return run()
  })
  const worker = await world.worker({ mappers })
  await expect
    .poll(() => states(world, doomed), { timeout: 120_000, interval: 200 })
    .toEqual(doomed.map(({ boundary, end }) => `${boundary}: ${end}`))
  await worker.stop()
}

/** How each operation stands, in their order; one that goes on, with what holds it up. */
async function states(world: World, doomed: readonly Doomed[]): Promise<string[]> {
  const rows = await sqlOf(world.deps.orm.pool)<{ id: string; state: string; why: string | null }>({
    text: `select id, state, error ->> 'message' as why from operations where id = any ($1)`,
    values: [doomed.map(({ operation }) => operation)],
  })
  const byId = new Map(
    rows.map(({ id, state, why }) => [id, state === 'running' && why !== null ? `${state}, ${why}` : state]),
  )
  return doomed.map(({ operation, boundary }) => `${boundary}: ${byId.get(operation)}`)
}
