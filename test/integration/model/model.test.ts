import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createWorld, type World } from '../../support/world.ts'
import { lives } from './generate.ts'
import { live } from './live.ts'

/**
 * Random commands, some at the same time, given to tenants on the real stack; after each round everything is as a small model
 * says. A failure tells its seed: `npm run soak -- --seed <seed> --runs 1` leads that life again.
 */
const first = Number(process.env['SOAK_SEED'] ?? 1)
const runs = Number(process.env['SOAK_RUNS'] ?? 6)
const rounds = Number(process.env['SOAK_ROUNDS'] ?? 6)
const seeds = Array.from({ length: runs }, (_, index) => first + index)

let world: World
beforeAll(async () => {
  world = await createWorld()
  await world.worker()
})
afterAll(() => world.close())

it.concurrent.each(seeds)('a life of seed %i is as the model says', { timeout: 0 }, async (seed) => {
  const property = fc.asyncProperty(lives(rounds), (life) => live(world, `life-${seed}`, life))
  const { failed, ...details } = await fc.check(property, { seed, numRuns: 1, endOnFailure: true })
  expect(failed && fc.stringify(details)).toBe(false)
})
