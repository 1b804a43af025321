import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startKilledPool, type KilledPool } from '../../support/killed-pool.ts'
import { createWorld, type World } from '../../support/world.ts'
import { lives } from './generate.ts'
import { live } from './live.ts'

/**
 * Random commands, some at the same time, given to tenants on the real stack; after each round everything is as a small model
 * says. A failure tells its seed: `npm run soak -- --seed <seed> --runs 1` leads that life again. `npm run soak` sets the
 * variables; with `SOAK_CRASHES` workers are killed all the while.
 */
const { SOAK_SEED = '1', SOAK_RUNS = '6', SOAK_ROUNDS = '6', SOAK_CRASHES } = process.env
const seeds = Array.from({ length: Number(SOAK_RUNS) }, (_, index) => Number(SOAK_SEED) + index)

let world: World
let pool: KilledPool | undefined
beforeAll(async () => {
  world = await createWorld({
    patienceMs: SOAK_CRASHES === undefined ? 60_000 : 240_000,
    // That a busy machine ends no step is not what is looked at here.
    timing: { maximumAttempts: 100 },
  })
  if (SOAK_CRASHES === undefined) await world.worker()
  else pool = startKilledPool(world, () => randomInt(1_000) / 1_000)
})
afterAll(async () => {
  if (pool !== undefined) console.log(`workers killed: ${await pool.stop()}`)
  await world.close()
})

it.concurrent.each(seeds)('a life of seed %i is as the model says', { timeout: 0 }, async (seed) => {
  const property = fc.asyncProperty(lives(Number(SOAK_ROUNDS)), (life) => live(world, `life-${seed}`, life))
  const { failed, counterexample, errorInstance } = await fc.check(property, { seed, numRuns: 1, endOnFailure: true })
  if (failed) throw new Error(`not as the model says: ${fc.stringify(counterexample)}`, { cause: errorInstance })
  expect(failed).toBe(false)
})
