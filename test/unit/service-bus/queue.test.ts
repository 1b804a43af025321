import { beforeEach, describe, expect, test } from 'vitest'
import type { DeadLetter, Entry, Message } from '../../../packages/service-bus-broker/message.ts'
import { MessageQueue } from '../../../packages/service-bus-broker/queue.ts'

const policy = { lockDuration: 1_000, maxDeliveryCount: 3, sessions: false, deadLetterExpired: true }
let now: number
let dead: [number, string | undefined][]

beforeEach(() => {
  now = 1_000_000
  dead = []
})

function queueOf(count: number, changes: Partial<typeof policy> = {}, message: Partial<Message> = {}): MessageQueue {
  const queue = new MessageQueue({
    now: () => now,
    policy: () => ({ ...policy, ...changes }),
    save: () => {},
    remove: () => {},
    modify: (given) => given,
    deadLetter: (entry: Entry, letter: DeadLetter) => dead.push([entry.sequence, letter.reason]),
    available: () => {},
    watch: () => {},
  })
  for (let sequence = 1; sequence <= count; sequence++) {
    const content = Buffer.alloc(0)
    const given = {
      content,
      messageId: `${sequence}`,
      annotations: {},
      enqueuedAt: now,
      expiresAt: Infinity,
      ...message,
    }
    queue.add({ sequence, message: given, state: 'active', deliveryCount: 0 })
  }
  return queue
}

/** Takes the next message. Throws when there is none. */
function take(queue: MessageQueue, sessionId?: string) {
  const lock = queue.take(sessionId, false)
  if (!lock) throw new Error('There is no message.')
  return lock
}

describe('a queue', () => {
  test('gives messages in order, and those that come back at their place', () => {
    const queue = queueOf(5)
    const [first, second, third] = [take(queue), take(queue), take(queue)]
    queue.settle(third.token, { kind: 'abandon' })
    queue.settle(first.token, { kind: 'abandon' })
    queue.settle(second.token, { kind: 'complete' })
    expect([1, 2, 3, 4].map(() => take(queue).entry.sequence)).toEqual([1, 3, 4, 5])
    expect(queue.take(undefined, false)).toBeUndefined()
  })

  test('keeps its order over thousands of messages that come and go', () => {
    const queue = queueOf(5_000)
    const locks = Array.from({ length: 3_000 }, () => take(queue))
    for (const lock of locks.toReversed()) queue.settle(lock.token, { kind: 'abandon' })
    expect(Array.from({ length: 5_000 }, () => take(queue).entry.sequence)).toEqual(
      Array.from({ length: 5_000 }, (_, i) => i + 1),
    )
  })

  test('takes no settlement once a lock is over, even before it looks for expired ones', () => {
    const queue = queueOf(1)
    const { token } = take(queue)
    now += policy.lockDuration
    expect(() => queue.settle(token, { kind: 'complete' })).toThrow(/lock supplied is invalid/)
    expect(() => queue.renew(token)).toThrow(/lock supplied is invalid/)
    expect(queue.entries.size).toBe(1)
  })

  test('gives back what is no longer locked, and only that', () => {
    const queue = queueOf(2)
    const [first, second] = [take(queue), take(queue)]
    now += 600
    expect(queue.renew(first.token)).toBe(now + policy.lockDuration)
    expect(queue.deadline).toBe(second.until)
    now = second.until
    queue.expire()
    expect(take(queue).entry).toMatchObject({ sequence: 2, deliveryCount: 1 })
    expect(queue.take(undefined, false)).toBeUndefined()
    queue.settle(first.token, { kind: 'complete' })
  })

  test('sends to the dead letters what was delivered as often as is allowed', () => {
    const queue = queueOf(1)
    queue.settle(take(queue).token, { kind: 'abandon' })
    queue.settle(take(queue).token, { kind: 'abandon' })
    expect(dead).toEqual([])
    take(queue)
    now += policy.lockDuration
    queue.expire()
    expect(dead).toEqual([[1, 'MaxDeliveryCountExceeded']])
    expect(queue.entries.size).toBe(0)
    expect(queue.deadline).toBe(Infinity)
  })

  test('does not give out what has expired, and leaves what is locked to its receiver', () => {
    const queue = queueOf(2, {}, { expiresAt: now + 500 })
    const { token } = take(queue)
    now += 500
    expect(queue.take(undefined, false)).toBeUndefined()
    queue.expire()
    expect(dead).toEqual([[2, 'TTLExpiredException']])
    queue.settle(token, { kind: 'complete' })
    expect(dead).toHaveLength(1)
  })

  test('keeps sessions apart and lets their locks last as long as the session is held', () => {
    const queue = queueOf(2, { sessions: true }, { sessionId: 'a' })
    expect(queue.readySessions()).toEqual(['a'])
    expect(queue.take('b', false)).toBeUndefined()
    const { token } = take(queue, 'a')
    now += 10 * policy.lockDuration
    queue.expire()
    expect(take(queue, 'a').entry.sequence).toBe(2)
    queue.settle(token, { kind: 'complete' })
    queue.releaseSession('a', true)
    expect(take(queue, 'a').entry).toMatchObject({ sequence: 2, deliveryCount: 1 })
  })

  test('gives deferred messages all or none', () => {
    const queue = queueOf(2)
    queue.settle(take(queue).token, { kind: 'defer' })
    expect(() => queue.takeDeferred([1, 2], undefined, false)).toThrow(/sequence number 2/)
    const [lock] = queue.takeDeferred([1], undefined, false)
    expect(lock?.entry).toMatchObject({ sequence: 1, state: 'deferred' })
    expect(() => queue.takeDeferred([1], undefined, false)).toThrow(/sequence number 1/)
  })
})
