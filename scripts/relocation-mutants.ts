import type { Mutant } from './mutant-list.ts'

const relocate = 'test/integration/relocate'
const [stalled, schemas, meanwhile] = ['stalled', 'schemas', 'meanwhile'].map(
  (name) => `${relocate}/${name}.test.ts`,
) as [string, string, string]

/** Mechanisms of a live move: the fence and its steps, what is carried over, and what stays as it is. */
export const relocationMutants: readonly Mutant[] = [
  {
    name: 'the fence locks the tables',
    file: 'isolation/move/cut.ts',
    swaps: [['    locks,\n', `    'select',\n`]],
    test: stalled,
    only: 'that has its fence up lets nobody write',
  },
  {
    name: 'a side closes at an epoch at which the other can open',
    file: 'isolation/move/cut.ts',
    swaps: [['Math.max(side.epoch, floor) + 1', 'side.epoch + 1']],
    test: `${relocate}/fence.test.ts`,
    only: 'is closed at an epoch above',
  },
  {
    name: 'a fence is raised only by the last try',
    file: 'isolation/move/cut.ts',
    swaps: [['side.fence !== cut.fence || ', '']],
    test: stalled,
    only: 'that was overtaken before its fence',
  },
  {
    name: 'the server lets a fence go whose holder is gone',
    file: 'isolation/move/cut.ts',
    swaps: [
      ['const deadMan = { idleMs: 1_500, transactionMs: 3_000 }', 'const deadMan = { idleMs: 0, transactionMs: 0 }'],
    ],
    test: stalled,
    only: 'that stalls inside of its fence',
  },
  {
    name: 'the marker is waited for',
    file: 'isolation/move/cut.ts',
    swaps: [['  await awaitMarker(sessions.arrival, move, marker, signal)\n', '']],
    test: stalled,
    only: 'waits while the other side is behind',
  },
  {
    name: 'the fence sees that the schema is what was compared',
    file: 'isolation/move/cut.ts',
    swaps: [['  if (rows[0]?.stamp !== cut.stamp) throw new SchemaChanged()\n', '']],
    test: stalled,
    only: 'when the schema changes between two of its tries',
  },
  {
    name: 'both sides are compared before a cut',
    file: 'isolation/move/fingerprint.ts',
    swaps: [
      [
        '[...structure, ...found.rows.map(({ line }) => line)]',
        '[...structure.slice(0, 0), ...found.rows.slice(0, 0).map(({ line }) => line)]',
      ],
    ],
    test: meanwhile,
    only: 'nothing is cut when',
  },
  {
    name: 'what rows are found by is compared',
    file: 'isolation/move/fingerprint.ts',
    swaps: [['[...structure, ...found.rows.map', '[...structure, ...found.rows.slice(0, 0).map']],
    test: meanwhile,
    only: 'nothing is cut when',
  },
  {
    name: 'the tables of the side that closes refuse writes',
    file: 'isolation/move/cut.ts',
    swaps: [['      ...sessions.refusal.refuse,\n', '']],
    test: `${relocate}/fence.test.ts`,
    only: 'takes no write from a session',
  },
  {
    name: 'a REVOKE is seen to have taken effect',
    file: 'isolation/move/cut.ts',
    swaps: [
      [
        `        orRefuse(\`pg_catalog.has_schema_privilege(\${role}, \${pg.escapeLiteral(schema)}, 'USAGE')\`, refusals.granted),\n`,
        '',
      ],
    ],
    test: stalled,
    only: 'while a grant of somebody else',
  },
  {
    name: 'a side is opened once, by its own cut',
    file: 'isolation/move/cut.ts',
    swaps: [[` and state in ('standby', 'moved') and epoch < \${epoch};`, ';']],
    test: stalled,
    only: 'that closed one side and stalled',
  },
  {
    name: 'the side that opens has the sequences of the other',
    file: 'isolation/move/cut.ts',
    swaps: [['      ...setSequenceStatements(schema, sequences, margin),\n', '']],
    test: `${relocate}/move.test.ts`,
  },
  {
    name: 'the latch of suspend is read after the close',
    file: 'isolation/move/cutover.ts',
    swaps: [[`const wanted = (await cut.suspended()) ? 'suspended' : 'active'`, `const wanted = 'active'`]],
    test: `${relocate}/fence.test.ts`,
    only: 'opens suspended when the latch was set',
  },
  {
    name: 'who reads does not hold up a side that opens',
    file: 'isolation/move/capture.ts',
    swaps: [
      [
        `'alter table only %s disable trigger \${movedTrigger}', refusing.name`,
        `'drop trigger \${movedTrigger} on %s', refusing.name`,
      ],
    ],
    test: meanwhile,
    only: 'who reads for long',
  },
  {
    name: 'a stream that cannot go on is told',
    file: 'isolation/move/stream-health.ts',
    swaps: [
      ['const mostErrors = 2', 'const mostErrors = Number.POSITIVE_INFINITY'],
      ['found.conflicts === 0 && ', ''],
    ],
    test: meanwhile,
    only: 'a row that a superuser wrote at the target',
  },
  {
    name: 'a slot that is gone is missed',
    file: 'isolation/move/stream-health.ts',
    swaps: [['    await requireSlot(stream, from)\n', '']],
    test: meanwhile,
    only: 'a slot that somebody dropped',
  },
  {
    name: 'triggers that fire for replicated rows sleep on the side that is filled',
    file: 'isolation/move/aside.ts',
    swaps: [[`'begin', ...drop, ...quiet, 'commit'`, `'begin', ...drop, ...quiet.slice(0, 0), 'commit'`]],
    test: schemas,
    only: 'software for teams',
  },
  {
    name: 'they wake on the side that opens',
    file: 'isolation/move/cut.ts',
    swaps: [['      ...cut.triggers.wake,\n', '']],
    test: schemas,
    only: 'software for teams',
  },
  {
    name: 'they sleep on the side that closes',
    file: 'isolation/move/cut.ts',
    swaps: [['      ...cut.triggers.quiet,\n', '']],
    test: schemas,
    only: 'software for teams',
  },
  {
    name: 'rows are applied past policies that are forced on the owner',
    file: 'isolation/move/capture.ts',
    swaps: [['run_as_owner = ${rowCount !== 0}', 'run_as_owner = ${rowCount === -1}']],
    test: schemas,
    only: 'software for teams',
  },
  {
    name: 'a materialized view is filled with what its owner sees',
    file: 'isolation/move/aside.ts',
    swaps: [[`    'set row_security = on',\n`, '']],
    test: schemas,
    only: 'software for teams',
  },
  {
    name: 'to suspend leaves a side that a cut has closed',
    file: 'isolation/mappers/database/placement.ts',
    swaps: [[`when p.state in ('active', 'retired') then 'suspended'`, `when p.state <> 'suspended' then 'suspended'`]],
    test: stalled,
    only: 'is final: to close the side that was left',
  },
  {
    name: 'a side is retired before what keeps it closed goes',
    file: 'isolation/move/withdraw.ts',
    swaps: [[`set state = 'retired', fence`, 'set fence']],
    test: stalled,
    only: 'can never open a side again',
  },
  {
    name: 'what would change one side of a move waits for its end',
    file: 'operations/relocation-end.ts',
    swaps: [['  if (soaking === undefined) return\n', `  if (soaking?.id !== '') return\n`]],
    test: `${relocate}/relocate.test.ts`,
    only: 'takes it back, and moves it for good',
  },
  {
    name: 'the registry keeps a later epoch',
    file: 'operations/publish-cut.ts',
    swaps: [[`(s.epoch < $5 or (s.epoch = $5 and s.state not in ('active', 'suspended')))`, 'true']],
    test: `${relocate}/relocate.test.ts`,
    only: 'takes it back, and moves it for good',
  },
]
