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
  {
    name: 'a checkpoint counts only by its signature',
    file: 'packages/sdk/audit-checkpoints.ts',
    swaps: [['if (!isGenuine(checkpoint, keys()))', 'if (isGenuine.length < 0)']],
    test: `${audit}/manipulations.test.ts`,
    only: 'by a key that was planted with it',
  },
  {
    name: 'an event is compared with the head that was signed',
    file: 'packages/sdk/audit-stream.ts',
    swaps: [['if (signed?.seq === link.number && signed.hash !== link.hash)', 'if (isFound && link.number < 0)']],
    test: `${audit}/manipulations.test.ts`,
    only: 'with every hash after it and the head of the stream',
  },
  {
    name: 'a tail is missed by what was signed',
    file: 'packages/sdk/audit-stream.ts',
    swaps: [['{ seq: signed?.seq ?? 0, who:', '{ seq: 0, who:']],
    test: `${audit}/manipulations.test.ts`,
    only: 'the deliveries and the checkpoint know',
  },
  {
    name: 'that a checkpoint was made is no news',
    file: 'registry/checkpoints.ts',
    swaps: [[`\n      and e.type <> 'TENANCY_CHECKPOINT_MADE')`, ')']],
    test: `${audit}/checkpoints.test.ts`,
    only: 'makes none without news',
  },
]
