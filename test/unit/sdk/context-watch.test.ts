import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { exampleContext } from '../../../api/examples.ts'
import { watchContext } from '../../../packages/sdk/database/context-watch.ts'
import { createLogins } from '../../../packages/sdk/database/login-of.ts'
import { ApiError, NoAnswerError, type Credentials, type TenantContext } from '../../../packages/sdk/index.ts'

const example = JSON.parse(JSON.stringify(exampleContext)) as TenantContext

/** A watch over what `answer` gives, and how it was asked. */
function watched(answer: () => TenantContext, freshMs = 60_000) {
  const asked: boolean[] = []
  const read = async (_: string, __: string, { again = false } = {}) => {
    asked.push(again)
    return answer()
  }
  return { asked, watch: watchContext({ read }, { tenant: 'acme', environment: 'prod', freshMs }) }
}
const at = (epoch: number, state: TenantContext['state'] = 'active'): TenantContext => ({
  ...example,
  epoch,
  state,
})
const gone = new ApiError({ code: 'tenant_gone', detail: 'purged' }, { status: 410, path: '/' })
const away = new NoAnswerError('unreachable', 'nobody', {})

test('the API is asked once for many, and again at every refusal', async () => {
  const { asked, watch } = watched(() => at(1))
  for (const again of [false, false, true]) await watch.current(again)
  expect(asked).toEqual([false, true])
})

test('a context of an epoch that is over is never given, nor one that is older than what was seen', async () => {
  let answer = at(2)
  const { watch } = watched(() => answer)
  await watch.current(false)
  watch.isOver(2)
  await expect(watch.current(false)).rejects.toThrow(/still at epoch 2, which is over/)
  answer = at(1)
  await expect(watch.current(true)).rejects.toThrow(/still at epoch 2/)
  answer = at(3)
  expect(await watch.current(false)).toBe(answer)
  watch.isOver(1)
  answer = at(2)
  expect((await watch.current(true)).epoch).toBe(3)
})

test('who waits is woken by a newer context, and by no other', async () => {
  let answer = at(1)
  const { watch } = watched(() => answer)
  await watch.current(false)
  let woken = 0
  const leave = watch.onNewer(() => (woken += 1))
  await watch.current(true)
  expect(woken).toBe(0)
  answer = at(2)
  await watch.current(true)
  expect(woken).toBe(1)
  leave()
  answer = at(3)
  await watch.current(true)
  expect(woken).toBe(1)
})

test('when the API is away the last context is given on, unless its epoch is over', async () => {
  let error: Error | undefined
  const { watch } = watched(() => {
    if (error !== undefined) throw error
    return at(1)
  })
  await watch.current(false)
  error = away
  expect((await watch.current(true)).epoch).toBe(1)
  watch.isOver(1)
  await expect(watch.current(true)).rejects.toBe(away)
})

test('a tenant that is gone is not given on, also when that is learned behind the back of a transaction', async () => {
  let error: Error | undefined
  const { watch } = watched(() => {
    if (error !== undefined) throw error
    return at(1)
  }, 0)
  await watch.current(false)
  error = gone
  await sleep(5)
  await watch.current(false)
  await sleep(5)
  await expect(watch.current(false)).rejects.toBe(gone)
})

test.each(['suspending', 'suspended', 'archiving', 'archived', 'deleting', 'soft-deleted', 'resuming'] as const)(
  'a tenant that is %s is refused with its state, until the context says otherwise',
  async (state) => {
    let answer = at(1, state)
    const { watch } = watched(() => answer)
    await expect(watch.current(false)).rejects.toMatchObject({
      name: 'TenantDatabaseError',
      code: 'transition_not_allowed',
      facts: { state },
    })
    answer = at(2)
    expect(await watch.current(false)).toBe(answer)
  },
)

test('the credential of a side is read once, and that of another side is no login', async () => {
  const { host, port, database, schema, role } = example.topology.database
  let user = role
  let reads = 0
  const credentials = (): Credentials => ({
    environment: 'prod',
    database: { host, port, database, schema, user, password: 'x', url: `postgresql://${user}` },
    bus: null,
  })
  const logins = createLogins(async () => ((reads += 1), credentials()))
  const moved = structuredClone(example)
  moved.topology.database.role = 'another'
  expect(await logins.of(example)).toMatchObject({
    schema,
    url: `postgresql://${role}`,
    epoch: example.epoch,
  })
  await logins.of(example)
  logins.doubt('of another side')
  await logins.of(example)
  expect(reads).toBe(1)
  await expect(logins.of(moved)).rejects.toThrow(/the context names another@/)
  user = 'another'
  expect((await logins.of(moved)).url).toBe('postgresql://another')
  expect(reads).toBe(3)
  logins.doubt((await logins.of(moved)).side)
  // Not at once: each reading goes into the audit trail.
  await logins.of(moved)
  expect(reads).toBe(3)
})
