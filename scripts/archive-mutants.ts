import type { Mutant } from './mutant-list.ts'

const life = 'test/integration/life'
const database = 'test/integration/isolation/database-archive.test.ts'

/** Mechanisms of archives: nothing is removed before it is proven to be kept, nothing is opened before it is proven to be back. */
export const archiveMutants: readonly Mutant[] = [
  {
    name: 'an archive is read back before anything is removed',
    file: 'activities/archives.ts',
    swaps: [['          await readBack(reader, listed)\n', '']],
    test: `${life}/archive-faults.test.ts`,
    only: 'finds what cold storage has changed',
  },
  {
    name: 'an archive that fails opens the tenant again',
    file: 'operations/kinds/archive.ts',
    swaps: [['...(wasOpen ? thawSteps(presentOf(ledger)) : []),', '']],
    test: `${life}/archive-faults.test.ts`,
    only: 'opens everything again and leaves nothing when',
  },
  {
    name: 'behind the proof an archive is not undone',
    file: 'operations/retry-and-abort.ts',
    swaps: [['(!isAbortable(kind) || hasNoWayBack(held))', '!isAbortable(kind)']],
    test: `${life}/archive-faults.test.ts`,
    only: 'only goes forward',
  },
  {
    name: 'what a restore makes is closed',
    file: 'activities/carry-out.ts',
    swaps: [['claim.suspended || claim.step.isBornClosed === true', 'claim.suspended']],
    test: `${life}/archive-faults.test.ts`,
    only: 'that brings back something else',
  },
  {
    name: 'a restore that fails gives its places back',
    file: 'operations/kinds/restore.ts',
    swaps: [['free.map(({ environment }) => environment)', '[]']],
    test: `${life}/archive-faults.test.ts`,
    only: 'is not what was archived; it stays archived, and nothing is left',
  },
  {
    name: 'an epoch goes on at the new placement',
    file: 'operations/kinds/restore.ts',
    swaps: [['begun: (sql, held) => followEpochs(sql, held),', 'begun: async () => [],']],
    test: `${life}/archive.test.ts`,
    only: 'move a tenant out',
  },
  {
    name: 'an update leaves the archive of an environment that stays',
    file: 'domain/changes.ts',
    swaps: [[` && !(spec.kind === 'archive' && environments.has(spec.environment))`, '']],
    test: `${life}/archive.test.ts`,
    only: 'move a tenant out',
  },
  {
    name: 'a schema that its scripts do not make is not exported',
    file: 'isolation/mappers/database/export.ts',
    swaps: [['if (strange.length === 0) return found', 'return found']],
    test: database,
    only: 'that no script makes is refused by name',
  },
  {
    name: 'a restored table is compared by the hash of its rows',
    file: 'isolation/mappers/database/compare.ts',
    swaps: [['sha256 !== table.part.sha256', 'false']],
    test: database,
  },
  {
    name: 'triggers do not fire while rows are brought back',
    file: 'isolation/mappers/database/import.ts',
    swaps: [['const all = [...constraints, ...domains, ...triggers]', 'const all = [...constraints, ...domains]']],
    test: database,
    only: 'everything that is awkward',
  },
  {
    name: 'the last chunk of a sealed stream is marked',
    file: 'crypto/sealed-stream.ts',
    swaps: [['nonce[11] = isLast ? 1 : 0', 'nonce[11] = 0']],
    test: 'test/unit/crypto/sealed-stream.test.ts',
  },
  {
    name: 'the proof of an archive can be done again',
    file: 'activities/archives.ts',
    swaps: [["['owner.json', ...listings, ...named]", "['owner.json', ...named]"]],
    test: 'test/integration/life/archive-faults.test.ts',
    only: 'proves again',
  },
  {
    name: 'an area that goes while it is looked at is nobody’s',
    file: 'isolation/mappers/object-store/area.ts',
    swaps: [['if (text === undefined && !(await exists(place.folder)))', `if (text === '')`]],
    test: 'test/unit/isolation/area.test.ts',
    only: 'at the same moment',
  },
  {
    name: 'another try at the same moment is no stranger',
    file: 'isolation/mappers/archive.ts',
    swaps: [['first.files.length > 0 && first.tag === undefined', 'first.files.length < 0']],
    test: 'test/unit/isolation/archive-mapper.test.ts',
    only: 'at the same moment',
  },
]
