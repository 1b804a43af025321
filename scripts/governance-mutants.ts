import type { Mutant } from './mutant-list.ts'

const integration = 'test/integration'

/** Mechanisms of the policy and of the governance endpoint. */
export const governanceMutants: readonly Mutant[] = [
  {
    name: 'a command is judged by the policy',
    file: 'operations/judge.ts',
    swaps: [['  if (violations.length === 0) return version\n', '  if (violations.length >= 0) return version\n']],
    test: `${integration}/api/policies.test.ts`,
    only: 'that breaks rules is denied',
  },
  {
    name: 'a denial leaves the tenant as it was',
    file: 'operations/settle.ts',
    swaps: [['  if (!hasBegun && tenant.state !== lifecycle[operation.kind].through) return tenant.state\n', '']],
    test: `${integration}/governance/endpoint.test.ts`,
    only: 'leaves a tenant that was to be purged',
  },
  {
    name: 'an answer is checked by its signature',
    file: 'activities/endpoint-call.ts',
    swaps: [['if (!isSigned(key, { id, timestamp, body }, signatures)) throw', 'if (false) throw']],
    test: `${integration}/governance/endpoint.test.ts`,
    only: 'is refused, each with a code',
  },
  {
    name: 'an answer is to this question',
    file: 'activities/endpoint-call.ts',
    swaps: [['if (answer.data.nonce !== question.nonce) throw', 'if (answer.data.nonce === undefined) throw']],
    test: `${integration}/governance/endpoint.test.ts`,
    only: 'is refused, each with a code',
  },
  {
    name: 'a verdict that is recorded is not asked for again',
    file: 'operations/governance.ts',
    swaps: [[" && intent === 'forward' && !verdict", " && intent === 'forward' && verdict !== undefined"]],
    test: `${integration}/governance/asking.test.ts`,
    only: 'is done once',
  },
]
