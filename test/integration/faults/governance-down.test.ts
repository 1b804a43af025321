import { afterAll, beforeAll, expect, it } from 'vitest'
import { governedCommands } from '../../../domain/policy.ts'
import { doors } from '../../support/doors.ts'
import { allow, openGovernance, type Governance } from '../../support/governance.ts'
import { remainsOf } from '../../support/remains.ts'
import { tries } from '../../support/timing.ts'
import { enter, expectSight, passages, standing, type Passage } from '../../support/transitions.ts'
import { createWorld, type SeenTenant, type World } from '../../support/world.ts'

/** Every transition that is asked about, while the governance endpoint is down: for a while, and for longer than it is waited for. */
let world: World
let governance: Governance
beforeAll(async () => {
  governance = await openGovernance('timeoutMs: 20000, retries: 2')
  await governance.up()
  world = await createWorld({ ...governance.world, timing: { tryMs: tries(30_000) } })
  await world.worker()
})
afterAll(async () => {
  await world.close()
  await governance.down()
})

const isAsked = ({ kind }: Passage) => (governedCommands as readonly string[]).includes(kind)
const asked = passages.filter(isAsked)
const slugOf = (fault: string, { name }: Passage) => `${fault}-${name.replaceAll(' ', '-')}`
/** How many questions it does not answer from now on, of this tenant. */
function silent(slug: string, questions: number) {
  let left = questions
  governance.behave(slug, (question) => (left-- > 0 ? { status: 503 } : allow(question)))
}
/** Has it be silent as soon as the operation that is to be disturbed is the next that it is asked about. */
function enterSilently(
  passage: Passage,
  slug: string,
  questions: number,
  seen?: (tenant: SeenTenant) => Promise<void>,
) {
  if (passage.kind === 'provision') silent(slug, questions)
  return enter(world, passage, slug, async (tenant) => {
    if (passage.kind !== 'provision') silent(slug, questions)
    await seen?.(tenant)
  })
}

it('comes back in time: every transition goes on, and was asked about once', { timeout: 180_000 }, async () => {
  await Promise.all(
    asked.map(async (passage) => {
      const { tenant, operation } = await enterSilently(passage, slugOf('back', passage), 2)
      const ended = await world.until(operation.id, 'succeeded', 'failed')
      expect({ name: passage.name, ...ended }).toMatchObject({ name: passage.name, state: 'succeeded', attempt: 1 })
      await expectSight(world, tenant, passage.done)
      const questions = governance.askedOf(tenant.slug).filter(({ question }) => question.nonce === operation.id)
      expect(questions.map(({ id }) => id)).toEqual(Array(3).fill(`${operation.id}.1`))
    }),
  )
})

it(
  'stays away: nothing changes, the reason is told, and a retry once it is back ends it',
  { timeout: 180_000 },
  async () => {
    const look = async (tenant: SeenTenant, kind: Passage['kind']) => {
      const seen = { ...(await standing(world, tenant)), remains: await remainsOf(world, tenant) }
      if (kind === 'restore') return seen
      const { placements, ...others } = await doors(world, tenant)
      // A place that was taken for a new environment is given back.
      const held = placements.filter((state) => state !== 'released')
      return { ...seen, doors: others, held }
    }
    await Promise.all(
      asked.map(async (passage) => {
        const { name, kind } = passage
        const slug = slugOf('away', passage)
        let before: Awaited<ReturnType<typeof look>> | undefined
        const { tenant, operation } = await enterSilently(passage, slug, Infinity, async (one) => {
          if (kind !== 'provision') before = await look(one, kind)
        })
        const ended = await world.until(operation.id, 'succeeded', 'failed')
        expect({ name, ...ended }).toMatchObject({ name, state: 'failed', error: { code: 'governance_unavailable' } })
        if (before !== undefined) {
          const conditions = kind === 'update' ? ['UpdateFailed'] : []
          await expectSame(look(tenant, kind), { ...before, conditions })
        } else
          await expectSight(world, tenant, {
            state: 'failed',
            remains: passage.undone?.remains ?? passage.done.remains,
          })
        governance.behave(slug, allow)
        expect((await world.request('POST', `/v1/tenants/${slug}/retry`, {})).status).toBe(202)
        expect(await world.until(operation.id, 'succeeded', 'failed')).toMatchObject({ state: 'succeeded', attempt: 2 })
        await expectSight(world, tenant, passage.doneAgain ?? passage.done)
      }),
    )
  },
)

it('is not asked by what closes at once', async () => {
  const passage = passages.find(({ kind }) => kind === 'suspend')
  if (passage === undefined) throw new Error('there is no suspend')
  const { tenant, operation } = await enterSilently(passage, 'closes', 1_000)
  await world.until(operation.id, 'succeeded')
  await expectSight(world, tenant, passage.done)
  expect(governance.askedOf('closes').map(({ question }) => question.command)).toEqual(['provision'])
  expect(passages.filter((one) => !isAsked(one)).map(({ kind }) => kind)).toEqual(['suspend'])
})

async function expectSame(found: Promise<object>, before: object): Promise<void> {
  expect(await found).toEqual(before)
}
