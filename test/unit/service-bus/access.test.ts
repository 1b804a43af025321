import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { Authorizations } from '../../../packages/service-bus-broker/authorizations.ts'
import type { AuthorizationRule, Right } from '../../../packages/service-bus-broker/sas.ts'
import { covers, pathOf, verifyToken } from '../../../packages/service-bus-broker/sas.ts'
import { Ticker } from '../../../packages/service-bus-broker/ticker.ts'

const now = 1_000_000
const rule: AuthorizationRule = { keyName: 'k y', primaryKey: 'one', secondaryKey: 'two', rights: ['Send'] }

function token({ key = 'one', path = 'topic', name = 'k y', se = now / 1000 + 60 } = {}): string {
  const resource = encodeURIComponent(`sb://host:5672/${path}`)
  const signature = encodeURIComponent(createHmac('sha256', key).update(`${resource}\n${se}`).digest('base64'))
  return `SharedAccessSignature sr=${resource}&sig=${signature}&se=${se}&skn=${encodeURIComponent(name)}`
}

const verify = (given: string) => verifyToken(given, (path) => (path.startsWith('topic') ? [rule] : []), now)

describe('a shared access signature', () => {
  test('of either key gives the rule’s rights on its path until its time', () => {
    for (const key of ['one', 'two'])
      expect(verify(token({ key, path: 'Topic/Subscriptions/All' }))).toEqual({
        path: 'topic/subscriptions/all',
        rights: ['Send'],
        expiresAt: now + 60_000,
      })
  })

  test.each([
    ['of another key', token({ key: 'three' })],
    ['of an empty key', token({ key: '' })],
    ['of an unknown name', token({ name: 'other' })],
    ['of another path', token({ path: 'elsewhere' })],
    ['past its time', token({ se: now / 1000 })],
    ['without a time', token().replace(/se=\d+/, 'se=never')],
    ['with a longer time than signed', token().replace(/se=\d+/, 'se=9999999')],
    ['for another path than signed', token().replace('topic', 'topic2')],
    ['with a broken encoding', token().replace('skn=k', 'skn=%E0%A4%A')],
    ['without a signature', token().replace(/sig=[^&]+/, '')],
    ['of another kind', token().replace('SharedAccessSignature', 'Bearer')],
    ['that is nothing', ''],
  ])('%s is refused', (_what, given) => {
    expect(() => verify(given)).toThrow(/^Unauthorized access/)
  })

  test('is for a path, whatever stands around it', () => {
    expect(pathOf('sb://host:1/A/b/')).toBe('a/b')
    expect(pathOf('https://host/topic?api-version=2021-05')).toBe('topic')
    expect(pathOf('sb://host/')).toBe('')
  })

  test('covers what is below its path, not what begins like it', () => {
    expect(covers('', 'anything')).toBe(true)
    expect(covers('a', 'a')).toBe(true)
    expect(covers('a', 'a/subscriptions/b')).toBe(true)
    expect(covers('a', 'ab')).toBe(false)
    expect(covers('a/subscriptions/b', 'a')).toBe(false)
  })
})

describe('the authorizations of a connection', () => {
  const authorizations = (rights: Right[]) => {
    let time = now
    const ticker = new Ticker(
      () => time,
      () => {},
    )
    const made = new Authorizations(ticker, () => time)
    made.put({ path: 'topic', rights, expiresAt: now + 10 })
    ticker.stop()
    return { made, pass: () => (time = now + 10) }
  }

  test('cover a path and a right, until their time', () => {
    const { made, pass } = authorizations(['Send'])
    made.require('topic/$management', 'Send')
    expect(() => made.require('topic', 'Listen')).toThrow(/'Listen' claim/)
    expect(() => made.require('other', 'Send')).toThrow(/'other'/)
    pass()
    expect(() => made.require('topic', 'Send')).toThrow(/'Send' claim/)
  })

  test('close links when their time is over, unless a newer token covers them', () => {
    const { made, pass } = authorizations(['Send', 'Listen'])
    const closed: string[] = []
    const guard = (path: string) => made.guard({ path, right: 'Listen', detach: () => closed.push(path) })
    guard('topic/subscriptions/a')
    guard('topic/subscriptions/b')
    guard('topic/subscriptions/c')()
    pass()
    made.put({ path: 'topic/subscriptions/b', rights: ['Listen'], expiresAt: now + 60 })
    made.expire()
    made.expire()
    expect(closed).toEqual(['topic/subscriptions/a'])
  })
})
