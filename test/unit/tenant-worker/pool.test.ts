import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createLinkPool } from '../../../packages/tenant-worker/topics/pool.ts'

/** A pool over clients that only count what is open. */
function counting(clients: number, linksPerClient: number, credential = async () => 'one') {
  const seen = {
    clients: [] as { credential: string; isOpen: boolean; links: Set<string> }[],
    opened: [] as string[],
    most: 0,
  }
  const open = () => seen.clients.flatMap(({ links }) => [...links])
  const pool = createLinkPool({
    clients,
    linksPerClient,
    credential,
    connect: (text) => {
      const client = { credential: text, isOpen: true, links: new Set<string>() }
      seen.clients.push(client)
      return Object.assign(client, { close: async () => void (client.isOpen = false) })
    },
    open: (client, topic) => {
      client.links.add(topic)
      seen.opened.push(topic)
      seen.most = Math.max(seen.most, open().length)
      return { topic, close: async () => void client.links.delete(topic) }
    },
  })
  return { pool, seen, open }
}

test('a link is opened once, shared, and kept open', async () => {
  const { pool, seen, open } = counting(1, 10)
  const both = ['a', 'a'].map((topic) => pool.use(topic, async (link) => link))
  const [first, second] = await Promise.all(both)
  expect(first).toBe(second)
  expect(await pool.use('a', async (link) => link)).toBe(first)
  expect([seen.opened, open()]).toEqual([['a'], ['a']])
})

test('links are spread over connections, no more than each may have', async () => {
  const { pool, seen } = counting(3, 2)
  for (const topic of ['a', 'b', 'c', 'd', 'e']) await pool.use(topic, async () => {})
  expect(seen.clients.map(({ links }) => [...links])).toEqual([['a', 'b'], ['c', 'd'], ['e']])
})

test('the link that was not used for longest makes room, and never one that is lent', async () => {
  const { pool, seen, open } = counting(1, 3)
  const done = Promise.withResolvers<void>()
  const lent = pool.use('lent', () => done.promise)
  for (const topic of ['a', 'b', 'a', 'c']) await pool.use(topic, async () => {})
  expect(open()).toEqual(['lent', 'a', 'c'])
  await pool.use('d', async () => {})
  expect(open()).toEqual(['lent', 'c', 'd'])
  expect(seen.most).toBe(3)
  done.resolve()
  await lent
})

test('who finds every link lent waits for one', async () => {
  const { pool, seen } = counting(1, 2)
  const done = Promise.withResolvers<void>()
  const lent = ['a', 'b'].map((topic) => pool.use(topic, () => done.promise))
  const waiting = ['c', 'd', 'e'].map((topic) => pool.use(topic, async (link) => link.topic))
  await nextTurn()
  expect(seen.opened).toEqual(['a', 'b'])
  done.resolve()
  expect(await Promise.all(waiting)).toEqual(['c', 'd', 'e'])
  await Promise.all(lent)
  expect(seen.most).toBe(2)
})

test('a link whose work fails is given up, the others stay', async () => {
  const { pool, seen, open } = counting(1, 5)
  await pool.use('a', async () => {})
  await expect(pool.use('b', () => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
  await nextTurn()
  expect(open()).toEqual(['a'])
  await pool.use('b', async () => {})
  expect(seen.opened).toEqual(['a', 'b', 'b'])
})

test('a credential that cannot be had fails the work and is asked for again', async () => {
  let answers = 0
  const { pool } = counting(1, 5, async () => {
    answers += 1
    if (answers === 1) throw new Error('no such variable')
    return 'one'
  })
  await expect(pool.use('a', async () => {})).rejects.toThrow('no such variable')
  expect(await pool.use('a', async (link) => link.topic)).toBe('a')
})

test('a new credential takes a new connection; the old one ends with its last link', async () => {
  let current = 'one'
  const { pool, seen, open } = counting(2, 5, async () => current)
  const done = Promise.withResolvers<void>()
  await pool.use('idle', async () => {})
  const lent = pool.use('lent', () => done.promise)
  await pool.renew('lent')
  expect(seen.clients.map(({ isOpen }) => isOpen)).toEqual([true])
  current = 'two'
  await pool.renew('lent')
  await pool.use('new', async () => {})
  expect(seen.clients.map(({ credential, isOpen }) => [credential, isOpen])).toEqual([
    ['one', true],
    ['two', true],
  ])
  expect(open()).toEqual(['lent', 'new'])
  done.resolve()
  await lent
  await nextTurn()
  expect(seen.clients.map(({ isOpen }) => isOpen)).toEqual([false, true])
  await pool.close()
  expect(seen.clients.map(({ isOpen }) => isOpen)).toEqual([false, false])
})
