import type { Mutant } from './mutant-list.ts'

const update = 'test/integration/life/update.test.ts'
const drifting = 'test/integration/api/drifting.test.ts'
const previewing = 'test/integration/api/previewing.test.ts'

/** Mechanisms of an update: only what differs, the manifest before in force until all works, forward alone behind that. */
export const updateMutants: readonly Mutant[] = [
  {
    name: 'what an update changed is put back',
    file: 'domain/steps.ts',
    swaps: [['createdBy !== operation && before !== null', 'createdBy !== operation && before === undefined']],
    test: update,
    only: 'leaves the manifest before in force',
  },
  {
    name: 'what could be put neither there nor back is done again',
    file: 'domain/changes.ts',
    swaps: [['entry.before !== null || !sameSpec', '!sameSpec']],
    test: update,
    only: 'says what it could not put back',
  },
  {
    name: 'an update that removes only goes forward once its manifest is in force',
    file: 'operations/retry-and-abort.ts',
    swaps: [['(!isAbortable(kind) || hasNoWayBack(held))', '!isAbortable(kind)']],
    test: update,
    only: 'only goes forward once',
  },
  {
    name: 'nothing is removed before the manifest is in force',
    file: 'workflows/go-forward-or-back.ts',
    swaps: [
      ['steps.filter(({ inForce }) => inForce)', 'steps.slice(0, 0)'],
      ['steps.filter(({ inForce }) => !inForce)', '[...steps]'],
    ],
    test: update,
    only: 'removes nothing when',
  },
  {
    name: 'an update that fails gives its places back',
    file: 'operations/kinds/update.ts',
    swaps: [['return releaseDropped(sql, held, resolved)', 'return []']],
    test: update,
    only: 'leaves the manifest before in force',
  },
  {
    name: 'an environment that is about to be added is not told of',
    file: 'api/routes/tenants.ts',
    swaps: [
      [
        'isInForce ? currentPlacement(placements, environment) : undefined',
        'currentPlacement(placements, environment)',
      ],
    ],
    test: update,
    only: 'is undone by an abort',
  },
  {
    name: 'one open door of a suspended tenant is drift, though another is closed',
    file: 'isolation/mappers/database/observe.ts',
    swaps: [['(isOpen ? [door] : [])', '(isOpen && door === null ? [door] : [])']],
    test: drifting,
    only: 'that a superuser opened',
  },
  {
    name: 'what somebody changed of a property is drift',
    file: 'domain/drift.ts',
    swaps: [['...ofFacts(key, spec, found.facts), ', '']],
    test: drifting,
    only: 'a connection limit',
  },
  {
    name: 'what cannot be looked at is told as such, and the rest is looked at',
    file: 'activities/observe.ts',
    swaps: [['cancellationSignal().throwIfAborted()', 'throw error']],
    test: drifting,
    only: 'says what could not be looked at',
  },
  {
    name: 'a look that failed is told by its code',
    file: 'base/look-failure.ts',
    swaps: [['cause instanceof ApplicationFailure && isTold(cause.type)', 'false']],
    test: 'test/unit/base/look-failure.test.ts',
  },
  {
    name: 'a preview asks the policy',
    file: 'operations/preview-manifest.ts',
    swaps: [[', ...(await violationsNow(sql, { command, manifest: resolved })).violations]', ']']],
    test: previewing,
    only: 'names the rule that is broken',
  },
]
