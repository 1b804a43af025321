import fc from 'fast-check'
import type { Command, Wish } from './tenant-model.ts'

export type Profile = 'mt-standard' | 'st-dedicated'
/** What a tenant is made as, and the commands it is given afterwards: each round at the same time. */
export type Life = { readonly profile: Profile; readonly first: Wish; readonly rounds: readonly (readonly Command[])[] }

const wish: fc.Arbitrary<Wish> = fc.record({
  plan: fc.constantFrom('free', 'pro'),
  staging: fc.boolean(),
  isProtected: fc.integer({ min: 0, max: 5 }).map((number) => number === 0),
})

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 3, arbitrary: wish.map((wished) => ({ name: 'apply' as const, wish: wished })) },
  {
    weight: 8,
    arbitrary: fc
      .constantFrom(
        'suspend',
        'resume',
        'resume',
        'archive',
        'restore',
        'restore',
        'delete',
        'undelete',
        'undelete',
        'rotate-credentials',
      )
      .map((name) => ({ name }) as Command),
  },
  { weight: 1, arbitrary: fc.constantFrom('hold', 'lift').map((name) => ({ name }) as Command) },
  {
    weight: 2,
    arbitrary: fc.integer({ min: 0, max: 3 }).map((number) => ({ name: 'purge' as const, isConfirmed: number > 0 })),
  },
)

/**
 * Not at once: a hold and a purge. A hold that comes between the acceptance of a purge and its beginning stops it until somebody
 * retries; test/integration/life/hold.test.ts has that.
 */
const round = fc
  .oneof(
    { weight: 2, arbitrary: fc.tuple(command) },
    { weight: 3, arbitrary: fc.array(command, { minLength: 2, maxLength: 3 }) },
  )
  .filter((commands) => !['hold', 'purge'].every((name) => commands.some((one) => one.name === name)))

/** A tenant's life of this many rounds. */
export function lives(rounds: number): fc.Arbitrary<Life> {
  return fc.record({
    profile: fc.constantFrom<Profile>('mt-standard', 'mt-standard', 'st-dedicated'),
    first: wish,
    rounds: fc.array(round, { minLength: rounds, maxLength: rounds }),
  })
}
