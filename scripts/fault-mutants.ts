import type { Mutant } from './mutant-list.ts'

const outside = 'test/integration/faults/outside.test.ts'
const down = 'test/integration/faults/down.test.ts'

/** Mechanisms that keep a transition whole when it is disturbed in its middle. */
export const faultMutants: readonly Mutant[] = [
  {
    name: 'a step that ends late does not hide why its operation was interrupted',
    file: 'operations/finish.ts',
    swaps: [[`error = case state when 'interrupted' then error end`, 'error = null']],
    test: outside,
    only: 'locks no tenant, says so',
  },
  {
    name: 'what goes forward is not stopped by a cancel',
    file: 'workflows/go-forward.ts',
    swaps: [
      [
        'await CancellationScope.nonCancellable(async () => {\n    try {\n      const { proceed, steps } = await takeUp',
        'await CancellationScope.cancellable(async () => {\n    try {\n      const { proceed, steps } = await takeUp',
      ],
    ],
    test: outside,
    only: 'goes forward all the same',
  },
  {
    name: 'a cancelled workflow is undone in spite of the cancel',
    file: 'workflows/undo.ts',
    swaps: [['return CancellationScope.nonCancellable(async', 'return CancellationScope.cancellable(async']],
    test: outside,
    only: 'undoes what it did, and can be tried again',
  },
  {
    name: 'what goes forward and waits asks for attention',
    file: 'activities/carry-out.ts',
    swaps: [['attention: goesForward && failures >= refusalsBeforeAttention', 'attention: false']],
    test: down,
    only: 'is told of, by what waits for it',
  },
  {
    name: 'a door waits for no other',
    file: 'domain/steps.ts',
    swaps: [
      [
        'title: `close the ${resourceTitle(spec)}`, after: [] }',
        "title: `close the ${resourceTitle(spec)}`, after: specs.flatMap(({ kind, key }) => (kind === 'topic' && key !== spec.key ? [`${key}/freeze`] : [])) }",
      ],
    ],
    test: down,
    only: 'holds up no other door',
  },
  {
    name: 'a wish that is damaged is no wish for nothing',
    file: 'operations/facts.ts',
    swaps: [['if (plan !== undefined && environments.length > 0) return', 'if (environments.length >= 0) return']],
    test: 'test/integration/faults/seen-elsewhere.test.ts',
    only: 'after it was accepted removes nothing',
  },
]
