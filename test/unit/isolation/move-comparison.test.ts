import { expect, test } from 'vitest'
import { compareFingerprints } from '../../../isolation/move/fingerprint.ts'
import { compareHashes, hashExpression } from '../../../isolation/move/hash.ts'
import { compareSequences, setSequenceStatements, type MoveSequence } from '../../../isolation/move/sequences.ts'

const sequence = (changes: Partial<MoveSequence> = {}): MoveSequence => ({
  name: 'ids',
  last: '10',
  isCalled: true,
  increment: '1',
  min: '1',
  max: '9223372036854775807',
  ...changes,
})
const valueOf = ([statement = '']: string[]) => statement.match(/regclass, (.*)\)/)?.[1]

test('what has no hash of its own is hashed as text, and every name is quoted', () => {
  const columns = [
    { name: 'id', isHashedAsText: false },
    { name: 'Mo"od', isHashedAsText: true },
  ]
  expect(hashExpression(columns)).toBe('"id", "Mo""od"::pg_catalog.text collate "C"')
  expect(hashExpression([])).toBe('')
})

test('tables differ by what they are, how many rows they have, and which', () => {
  const table = (name: string, rows: string, hash: string) => ({ name, rows, hash })
  const source = [table('same', '1', '5'), table('fewer', '2', '5'), table('other', '1', '5'), table('lost', '0', '0')]
  const target = [table('same', '1', '5'), table('fewer', '1', '5'), table('other', '1', '6'), table('new', '0', '0')]
  expect(compareHashes(source, source)).toEqual([])
  expect(compareHashes(source, target).map(({ message }) => message)).toEqual([
    'table fewer has 2 rows on the source and 1 on the target',
    'table other has 1 rows on both sides, and not the same ones',
    'table lost is missing on the target',
    'table new is on the target only',
  ])
})

test('structures differ by the lines that one side has', () => {
  const [one, other] = [
    { hash: 'a', lines: ['x', 'y'] },
    { hash: 'b', lines: ['y', 'z'] },
  ]
  expect(compareFingerprints(one, other).map(({ message }) => message)).toEqual([
    'only on the source: x',
    'only on the target: z',
  ])
})

test.each([
  ['as it is', sequence(), 0, '10, true'],
  ['not yet asked', sequence({ isCalled: false }), 0, '10, false'],
  ['with a margin', sequence({ increment: '3' }), 5, '25, true'],
  ['downwards', sequence({ last: '-5', increment: '-2', min: '-100', max: '-1' }), 5, '-15, true'],
  ['near its end', sequence({ last: '98', max: '100' }), 5, '100, true'],
  ['near its end downwards', sequence({ last: '-98', increment: '-1', min: '-100', max: '-1' }), 5, '-100, true'],
  ['of 64 bits', sequence({ last: '9007199254740993' }), 1, '9007199254740994, true'],
])('a sequence is set %s', (_, value, margin, expected) => {
  expect(valueOf(setSequenceStatements('t', [value], margin))).toBe(expected)
})

test('the name of a sequence may be any', () => {
  expect(setSequenceStatements('t', [sequence({ name: `a'"b` })], 0)).toEqual([
    `select pg_catalog.setval('"t"."a''""b"'::pg_catalog.regclass, 10, true)`,
  ])
})

test.each([
  ['equal', sequence(), sequence(), 0],
  ['ahead', sequence(), sequence({ last: '11' }), 0],
  ['behind', sequence(), sequence({ last: '9' }), 1],
  ['the same next value', sequence(), sequence({ last: '11', isCalled: false }), 0],
  ['not asked yet, where the source was', sequence(), sequence({ isCalled: false }), 1],
  ['ahead downwards', sequence({ increment: '-1' }), sequence({ increment: '-1', last: '9' }), 0],
  ['behind downwards', sequence({ increment: '-1' }), sequence({ increment: '-1', last: '11' }), 1],
  ['missing', sequence(), sequence({ name: 'another' }), 1],
])('a target that is %s', (_, source, target, count) => {
  expect(compareSequences([source], [target])).toHaveLength(count)
})
