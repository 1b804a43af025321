import pg from 'pg'
import { expect, test } from 'vitest'
import { sqlStateOf, verdictOf, type Stage } from '../../../packages/sdk/database/verdict.ts'

function raised(code: string, detail?: string): Error {
  return Object.assign(new pg.DatabaseError('raised', 0, 'error'), { code, severity: 'ERROR', detail })
}
const cut = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
const kindOf = (error: unknown, stage: Stage, isLost = false) => verdictOf(error, stage, { epoch: 3, isLost }).kind

test.each<[string, unknown, Stage, ReturnType<typeof kindOf>]>([
  ['a login that is refused', raised('28P01'), 'connect', 'again'],
  ['a database that may not be entered', raised('42501'), 'connect', 'again'],
  ['a server that is not there', cut, 'connect', 'again'],
  ['the gate', raised('FH010'), 'enter', 'again'],
  ['a schema without a right on it', raised('42501'), 'enter', 'again'],
  ['a session that ended', raised('57P01'), 'enter', 'again'],
  ['no function of the gate', raised('42883'), 'enter', 'final'],
  ['no table of keys', raised('42P01'), 'enter', 'final'],
  ['a trigger of a side that moved', raised('FH010'), 'work', 'again'],
  ['a conflict', raised('40001'), 'work', 'again'],
  ['a deadlock', raised('40P01'), 'work', 'again'],
  ['a session that was ended', raised('57P01'), 'work', 'again'],
  ['a right that is missing', raised('42501'), 'work', 'ask'],
  ['a table that is not found', raised('42P01'), 'work', 'ask'],
  ['a duplicate', raised('23505'), 'work', 'final'],
  ['an error of the work', new Error('mine'), 'work', 'final'],
  ['a failed call of the work elsewhere', cut, 'work', 'final'],
  ['a check at the end', raised('23503'), 'commit', 'final'],
  ['a conflict at the end', raised('40001'), 'commit', 'again'],
  ['a trigger at the end', raised('FH010'), 'commit', 'again'],
  ['a session that ended at COMMIT', raised('57P01'), 'commit', 'unknown'],
  ['a server that crashed at COMMIT', raised('XX000'), 'commit', 'unknown'],
  ['a cut at COMMIT', cut, 'commit', 'unknown'],
  ['silence at COMMIT', new Error('Query read timeout'), 'commit', 'unknown'],
])('%s: %o at %s is %s', (_, error, stage, kind) => {
  expect(kindOf(error, stage)).toBe(kind)
})

test('a connection that is gone before COMMIT was sent: again, whatever the work made of it', () => {
  expect(kindOf(new Error('mine'), 'work', true)).toBe('again')
  expect(kindOf(cut, 'enter', true)).toBe('again')
})

test.each([
  ['further', '{"state" : "moved", "epoch" : 4}', { kind: 'again', stale: 3 }],
  ['at the same one', '{"state" : "suspended", "epoch" : 3}', { kind: 'again' }],
  ['behind', '{"state" : "standby", "epoch" : 2}', { kind: 'again' }],
  ['gone', '{"state" : null, "epoch" : null}', { kind: 'again' }],
  ['of another release', 'not JSON', { kind: 'again' }],
  ['silent', undefined, { kind: 'again' }],
])('an epoch is over when the side is %s', (_, detail, verdict) => {
  expect(verdictOf(raised('FH010', detail), 'enter', { epoch: 3, isLost: false })).toEqual(verdict)
})

test('an error of the database is known through what it was wrapped in, and a code of Node is none', () => {
  expect(sqlStateOf(new Error('query failed', { cause: new Error('driver', { cause: raised('40001') }) }))).toBe(
    '40001',
  )
  expect(sqlStateOf(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))).toBeUndefined()
  expect(sqlStateOf('40001')).toBeUndefined()
})
