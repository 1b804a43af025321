import { expect, test } from 'vitest'
import { resultsOf } from '../../../events/deliver.ts'

/** A delivery at `cursor` that lacks the next `count` events. */
function lack(stream: string, cursor: number, count: number) {
  const events = Array.from({ length: count }, (_, index) => ({
    stream,
    seq: cursor + index + 1,
    body: '',
    previousHash: '',
    hash: '',
  }))
  return {
    delivery: { stream, destination: 'governance', cursor, head: cursor + count, topic: null, credential: null },
    events,
  }
}
const parts = [lack('a', 3, 2), lack('b', 0, 3), lack('c', 7, 1), lack('d', 9, 0)]
const told = (results: ReturnType<typeof resultsOf>) =>
  results.map(({ stream, cursor, tried, error }) => [stream, cursor, tried, error])

test('all is sent: every cursor is at the last event of its own', () => {
  expect(told(resultsOf(parts, { sent: 6 }))).toEqual([
    ['a', 5, true, undefined],
    ['b', 3, true, undefined],
    ['c', 8, true, undefined],
    ['d', 9, false, undefined],
  ])
})

test('the relay stops half-way: what was not sent was not tried', () => {
  expect(told(resultsOf(parts, { sent: 3 }))).toEqual([
    ['a', 5, true, undefined],
    ['b', 1, true, undefined],
    ['c', 7, false, undefined],
    ['d', 9, false, undefined],
  ])
})

test('a failure half-way keeps what the bus has, and is one of all who lack more', () => {
  const failure = { code: 'timeout', message: 'no answer' } as const
  expect(told(resultsOf(parts, { sent: 3, failure }))).toEqual([
    ['a', 5, true, undefined],
    ['b', 1, true, 'timeout: no answer'],
    ['c', 7, true, 'timeout: no answer'],
    ['d', 9, false, undefined],
  ])
})

test('an event that is too large is a failure of its own stream alone', () => {
  const failure = { code: 'message_too_large', message: 'too large' } as const
  expect(told(resultsOf(parts, { sent: 3, failure })).map(([stream, , tried]) => [stream, tried])).toEqual([
    ['a', true],
    ['b', true],
    ['c', false],
    ['d', false],
  ])
})

test('a bus is looked at again sooner than a topic', () => {
  const waits = (['unreachable', 'topic_missing'] as const).map(
    (code) => resultsOf(parts, { sent: 0, failure: { code, message: '' } })[0]?.longestWait,
  )
  expect(waits).toEqual([30, 300])
})
