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
 * Not at once: a hold and what it keeps from. A hold that comes between the acceptance of such a command and its beginning stops it
 * until somebody comes; test/integration/life/hold.test.ts and late-hold.test.ts have that.
 */
const round = fc
  .oneof(
    { weight: 2, arbitrary: fc.tuple(command) },
    { weight: 3, arbitrary: fc.array(command, { minLength: 2, maxLength: 3 }) },
  )
  .filter((commands) => {
    const names = commands.map(({ name }) => name)
    return (
      !names.includes('hold') || !['purge', 'delete', 'apply'].some((name) => names.includes(name as Command['name']))
    )
  })

/** A tenant's life of this many rounds. */
export function lives(rounds: number): fc.Arbitrary<Life> {
  return fc.record({
    profile: fc.constantFrom<Profile>('mt-standard', 'mt-standard', 'st-dedicated'),
    first: wish,
    rounds: fc.array(round, { minLength: rounds, maxLength: rounds }),
  })
}
