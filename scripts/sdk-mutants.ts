import type { Mutant } from './mutant-list.ts'

const sdk = 'test/integration/sdk'
const gate = 'isolation/mappers/database/gate.ts'

/** Mechanisms by which a tenant's own transactions live through a move. */
export const sdkMutants: readonly Mutant[] = [
  {
    name: 'who enters holds the gate',
    file: gate,
    swaps: [[`  perform pg_catalog.pg_advisory_xact_lock_shared(\${gateKey('own.tenant', 'own.environment')});\n`, '']],
    test: 'test/integration/isolation/gate.test.ts',
    only: 'waits for those that are in',
  },
  {
    name: 'the gate compares epochs',
    file: gate,
    swaps: [[`side.state = 'active' and side.epoch = $1`, `side.state = 'active'`]],
    test: 'test/integration/isolation/gate.test.ts',
    only: 'by its epoch, and by no other',
  },
  {
    name: 'no context is given whose epoch is over',
    file: 'packages/sdk/database/context-watch.ts',
    swaps: [['oldest = Math.max(oldest, epoch + 1)', 'oldest = Math.max(oldest, 0 * epoch)']],
    test: 'test/unit/sdk/context-watch.test.ts',
    only: 'of an epoch that is over is never given',
  },
  {
    name: 'a key that was committed is not done again',
    file: 'packages/sdk/database/one-try.ts',
    swaps: [['?.rowCount === 0) return stored', '?.rowCount === -1) return stored']],
    test: `${sdk}/lost-answer.test.ts`,
    only: 'is found by its key',
  },
  {
    name: 'a COMMIT without an answer is not done again without a key',
    file: 'packages/sdk/database/transactions.ts',
    swaps: [[` || (verdict.kind === 'unknown' && work.key === undefined)`, '']],
    test: `${sdk}/lost-answer.test.ts`,
    only: 'without a key',
  },
  {
    name: 'a COMMIT that is answered by ROLLBACK is no success',
    file: 'packages/sdk/database/one-try.ts',
    swaps: [[`answer?.command !== 'COMMIT'`, `answer === undefined`]],
    test: `${sdk}/tenant-database.test.ts`,
    only: 'answered by ROLLBACK',
  },
  {
    name: 'a right that the work lacks is told apart by the gate',
    file: 'packages/sdk/database/one-try.ts',
    swaps: [
      [
        `if (verdict.kind !== 'ask') return verdict`,
        `if (verdict.kind !== 'ask') return verdict\n    return { kind: 'again' }`,
      ],
    ],
    test: `${sdk}/tenant-database.test.ts`,
    only: 'its own mistake',
  },
  {
    name: 'connections are capped in all',
    file: 'packages/sdk/database/capped-pool.ts',
    swaps: [['!isOwnFull && all.length < this.#caps.maxConnections', '!isOwnFull']],
    test: `${sdk}/tenant-database.test.ts`,
    only: 'than the caps allow',
  },
  {
    name: 'connections are capped for each tenant',
    file: 'packages/sdk/database/capped-pool.ts',
    swaps: [['!isOwnFull && all.length', 'all.length']],
    test: `${sdk}/tenant-database.test.ts`,
    only: 'than the caps allow',
  },
]
