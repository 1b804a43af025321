import type { Mutant } from './mutant-list.ts'

const life = 'test/integration/life'

/** Mechanisms of a tenant's life: the latch and the doors, what must stay, and the proof of an end. */
export const lifeMutants: readonly Mutant[] = [
  {
    name: 'the latch is set when suspend is accepted',
    file: 'operations/kinds/suspend.ts',
    swaps: [['  accepted: (sql, { id }) => setLatch(sql, id, true),\n', '']],
    test: `${life}/suspend.test.ts`,
    only: 'is refused beside itself',
  },
  {
    name: 'to close a database goes before a migration of it',
    file: 'operations/claim.ts',
    swaps: [[`or (r.kind = 'database' and $4 = 'freeze')`, 'or false']],
    test: `${life}/suspend.test.ts`,
    only: 'is accepted during a provision',
  },
  {
    name: 'what ends suspended has the latch set',
    file: 'operations/settle.ts',
    swaps: [[`suspended = suspended or $4 = 'suspended', `, '']],
    test: `${life}/suspend.test.ts`,
    only: 'a resume that cannot open a door',
  },
  {
    name: 'a resume that fails closes what it opened',
    file: 'operations/kinds/resume.ts',
    swaps: [['  undo: (facts) => freezeSteps(inUse(facts).map(({ spec }) => spec)),\n', '']],
    test: `${life}/suspend.test.ts`,
    only: 'a resume that cannot open a door',
  },
  {
    name: 'suspend and resume raise the epoch',
    file: 'operations/doors.ts',
    swaps: [['set epoch = epoch + 1, updated_at', 'set updated_at']],
    test: `${life}/suspend.test.ts`,
    only: 'ends the session of who is in',
  },
  {
    name: 'undelete calls the purge off',
    file: 'operations/retention.ts',
    swaps: [[`where tenant_id = $1 and kind = 'purge' and state = 'scheduled'`, 'where false']],
    test: `${life}/delete.test.ts`,
    only: 'gives back the same tenant',
  },
  {
    name: 'a hold that comes before a purge begins counts',
    file: 'operations/kinds/purge.ts',
    swaps: [['    await assertMayEnd(sql, operation.kind, tenant)\n', '']],
    test: `${life}/hold.test.ts`,
    only: 'still counts',
  },
  {
    name: 'a purge looks again for what it removed',
    file: 'activities/resources.ts',
    swaps: [[`isForGood ? await lookAgain(mapper, target) : {}`, '{}']],
    test: `${life}/purge.test.ts`,
    only: 'does not end while something',
  },
  {
    name: 'a purge forgets the manifests',
    file: 'operations/erase.ts',
    swaps: [['delete from generations where tenant_id = $1', 'select 1']],
    test: `${life}/purge.test.ts`,
    only: 'leaves no trace',
  },
]
