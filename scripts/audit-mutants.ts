import type { Mutant } from './mutant-list.ts'

const audit = 'test/integration/audit'

/** Mechanisms of the trail: what is told, what is signed, and what is found. */
export const auditMutants: readonly Mutant[] = [
  {
    name: 'an operation that is due is told',
    file: 'operations/due.ts',
    swaps: [['select append_events($4::uuid::text, $5::jsonb)', 'select $4::uuid, $5::jsonb']],
    test: `${audit}/told.test.ts`,
    only: 'is told of every transition',
  },
  {
    name: 'a key that somebody planted does not count',
    file: 'registry/signing-keys.ts',
    swaps: [[' || !isSignedBy(publicKey, own.document, own.signature)', '']],
    test: `${audit}/checkpoints.test.ts`,
    only: 'planted does not count',
  },
]
