import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Question } from '../../../domain/governance.ts'
import { sqlOf } from '../../../registry/pool.ts'
import { allow, deny, openGovernance, type Governance, type Reply } from '../../support/governance.ts'
import { eventCounts, nothing, remainsOf, whole } from '../../support/remains.ts'
import { createWorld, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'

let world: World
let governance: Governance
beforeAll(async () => {
  governance = await openGovernance('timeoutMs: 1500, retries: 3, open: [rotate-credentials]')
  await governance.up()
  world = await createWorld(governance.world)
  await world.worker()
})
afterAll(async () => {
  await world.close()
  await governance.down()
})

type Seen = SeenOperation & { verdict: { outcome: string; code?: string; reasons: object[] } | null }
const ended = async (id: string) => (await world.until(id, 'succeeded', 'failed', 'aborted')) as Seen
const command = async (slug: string, path: string, body: object = {}) => {
  const answer = await world.request('POST', `/v1/tenants/${slug}/${path}`, body)
  expect(answer.status).toBe(202)
  return (answer.body['operation'] as SeenOperation).id
}
const sql = <T extends object>(text: string, values: unknown[] = []) => sqlOf(world.deps.orm.pool)<T>({ text, values })
const events = async ({ id }: { id: string }, type: string) => {
  const rows = await sql<{ body: string }>('select body from events where stream = $1 and type = $2 order by seq', [
    id,
    type,
  ])
  return rows.map(({ body }) => JSON.parse(body).data)
}

/** A tenant that has everything, and may be purged. */
async function restingTenant(slug: string): Promise<SeenTenant> {
  const { operation, tenant } = await world.apply(slug)
  expect((await ended(operation.id)).state).toBe('succeeded')
  await sql(`update tenants set state = 'soft-deleted' where id = $1`, [tenant.id])
  return tenant
}

describe('a command that is allowed', () => {
  it('goes on, once the endpoint was asked, by a question that says what it is about', async () => {
    const { operation, tenant } = await world.apply('allowed')
    expect(await ended(operation.id)).toMatchObject({ state: 'succeeded', verdict: { outcome: 'allow' } })
    const asked = governance.askedOf('allowed')
    expect(asked.map(({ id }) => id)).toEqual([`${operation.id}.1`])
    expect(asked[0]?.question).toEqual({
      version: 1,
      nonce: operation.id,
      command: 'provision',
      tenant: { id: tenant.id, slug: 'allowed', profile: 'mt-standard', plan: 'pro', region: 'eu-north', labels: {} },
      generation: 1,
      policyVersion: 0,
      at: expect.stringMatching(/^\d{4}-.*Z$/),
    })
    expect(await events(tenant, 'TENANCY_OPERATION_STARTED')).toEqual([
      { kind: 'provision', attempt: 1, verdict: 'allow' },
    ])
    const history = await world.client.workflow.getHandle(operation.workflowId).fetchHistory()
    expect(JSON.stringify(history)).not.toContain(governance.secret.slice(6, 30))
  })
})

describe('a command that is denied', () => {
  it('makes nothing of a tenant, says which rule and how to satisfy it, and may be retried', async () => {
    governance.behave('denied', deny)
    const { operation, tenant } = await world.apply('denied')
    const reason = { rule: 'no-fridays', message: 'it is Friday', remedy: 'wait for Monday' }
    const message = 'provision is denied by the governance endpoint: it is Friday (rule no-fridays; wait for Monday)'
    expect(await ended(operation.id)).toMatchObject({
      state: 'failed',
      error: { code: 'policy_denied', message },
      steps: [],
      verdict: { outcome: 'deny', reasons: [reason] },
    })
    expect(await remainsOf(world, tenant)).toEqual(nothing)
    expect(await world.tenant('denied')).toMatchObject({ state: 'failed', conditions: [] })
    const told = {
      kind: 'provision',
      attempt: 1,
      message,
      code: 'policy_denied',
      by: 'governance endpoint',
      reasons: [reason],
    }
    expect(await events(tenant, 'TENANCY_DENIED')).toEqual([told])
    expect(await eventCounts(world, tenant)).not.toHaveProperty('TENANCY_OPERATION_STARTED')

    governance.behave('denied', allow)
    await command('denied', 'retry')
    expect(await world.until(operation.id, 'succeeded')).toMatchObject({ attempt: 2 })
    expect(governance.askedOf('denied').map(({ id }) => id)).toEqual([`${operation.id}.1`, `${operation.id}.2`])
    expect(await remainsOf(world, tenant)).toEqual(whole(tenant))
  })

  it('leaves a tenant that was to be purged as it was, with what it needs somebody for', async () => {
    const tenant = await restingTenant('kept')
    await sql(
      `insert into conditions (tenant_id, type, reason, message) values ($1, 'NeedsAttention', 'internal', 'look')`,
      [tenant.id],
    )
    governance.behave('kept', deny)
    const id = await command('kept', 'purge', { confirm: 'kept' })
    expect(await ended(id)).toMatchObject({ state: 'failed', error: { code: 'policy_denied' }, steps: [] })
    expect(await world.tenant('kept')).toMatchObject({
      state: 'soft-deleted',
      conditions: [{ type: 'NeedsAttention' }],
    })
    expect(await remainsOf(world, tenant)).toEqual(whole(tenant))
    governance.behave('kept', allow)
    await command('kept', 'retry')
    await world.until(id, 'succeeded')
    expect(await remainsOf(world, tenant)).toEqual(nothing)
  })
})

/** What the endpoint, or somebody in between, may answer instead of what it should. */
const wrong: [string, (question: Question) => Reply, string, number][] = [
  ['signature', (question) => ({ ...allow(question), key: randomBytes(32) }), 'governance_answer_invalid', 1],
  [
    'no-signature',
    (question) => ({ ...allow(question), headers: { 'webhook-signature': '' } }),
    'governance_answer_invalid',
    1,
  ],
  ['nonce', (question) => allow({ ...question, nonce: 'another' }), 'governance_answer_invalid', 1],
  ['id', (question) => ({ ...allow(question), id: 'another' }), 'governance_answer_invalid', 1],
  ['stale', (question) => ({ ...allow(question), timestamp: 1_600_000_000 }), 'governance_answer_invalid', 1],
  ['echo', (question) => ({ body: JSON.stringify(question) }), 'governance_answer_invalid', 1],
  ['no-json', () => ({ body: '<html>' }), 'governance_answer_invalid', 1],
  [
    'oversized',
    (question) => ({ body: JSON.stringify({ ...JSON.parse(allow(question).body ?? ''), more: 'x'.repeat(70_000) }) }),
    'governance_answer_invalid',
    1,
  ],
  ['redirect', () => ({ status: 307, headers: { location: '/elsewhere' } }), 'governance_unavailable', 4],
  ['fault', () => ({ status: 500 }), 'governance_unavailable', 4],
]

describe('an answer that is none', () => {
  it('is refused, each with a code, and nothing is made', async () => {
    const outcomes = await Promise.all(
      wrong.map(async ([name, behaviour]) => {
        const slug = `wrong-${name}`
        governance.behave(slug, behaviour)
        const { operation, tenant } = await world.apply(slug)
        const { state, error, verdict } = await ended(operation.id)
        const made = (await remainsOf(world, tenant)).ledger
        const denials = await events(tenant, 'TENANCY_DENIED')
        return [name, state, error?.code, verdict?.outcome, governance.askedOf(slug).length, made, denials.length]
      }),
    )
    expect(outcomes).toEqual(wrong.map(([name, , code, tries]) => [name, 'failed', code, 'closed', tries, [], 1]))
  })

  it('is refused for a command too that goes on when nobody answers', async () => {
    const { operation } = await world.apply('forged')
    await ended(operation.id)
    governance.behave('forged', (question) => ({ ...allow(question), key: randomBytes(32) }))
    const id = await command('forged', 'credentials', { rotate: true })
    expect(await ended(id)).toMatchObject({ state: 'failed', error: { code: 'governance_answer_invalid' } })
    expect(await world.tenant('forged')).toMatchObject({ state: 'active' })
  })
})

describe('no answer', () => {
  it('is waited for a bounded time, and then the command ends, unless it goes on without', async () => {
    const { operation, tenant } = await world.apply('slow')
    await ended(operation.id)
    const never = () => new Promise<never>(() => {})
    for (const slug of ['slow', 'slow-new']) governance.behave(slug, never)
    const rotation = await command('slow', 'credentials', { rotate: true })
    const provision = (await world.apply('slow-new')).operation.id
    expect(await ended(provision)).toMatchObject({
      state: 'failed',
      error: { code: 'governance_unavailable', message: expect.stringContaining('did not answer within 1500 ms') },
    })
    expect(await ended(rotation)).toMatchObject({ state: 'succeeded', verdict: { outcome: 'open' } })
    expect(await events(tenant, 'TENANCY_GOVERNANCE_UNANSWERED')).toMatchObject([{ kind: 'rotate-credentials' }])
  })

  it('is asked for again, and an endpoint that comes back in time loses nothing', async () => {
    governance.behave('faulty', (question, { count }) => (count < 3 ? { status: 503 } : allow(question)))
    expect(await ended((await world.apply('faulty')).operation.id)).toMatchObject({ state: 'succeeded' })
    expect(new Set(governance.askedOf('faulty').map(({ id }) => id)).size).toBe(1)
    await governance.down()
    const { operation, tenant } = await world.apply('while-down')
    // Tenants read it: it says nothing of where the endpoint is.
    const message =
      'the governance endpoint cannot be reached (ECONNREFUSED); provision was not begun: retry it once the endpoint answers'
    expect(await ended(operation.id)).toMatchObject({
      state: 'failed',
      error: { code: 'governance_unavailable', message },
    })
    expect(await remainsOf(world, tenant)).toEqual(nothing)
    await governance.up()
    await command('while-down', 'retry')
    await world.until(operation.id, 'succeeded')
  })

  it('does not hold up an abort', async () => {
    governance.behave('aborted', () => new Promise<never>(() => {}))
    const { operation, tenant } = await world.apply('aborted')
    await expect.poll(() => governance.askedOf('aborted').length).toBeGreaterThan(0)
    await command('aborted', 'abort')
    expect(await ended(operation.id)).toMatchObject({ state: 'aborted', verdict: null })
    expect(await remainsOf(world, tenant)).toEqual(nothing)
  })
})
