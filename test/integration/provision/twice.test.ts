import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FreeholdError } from '../../../domain/errors.ts'
import { sqlOf } from '../../../registry/pool.ts'
import { nothing, remainsOf, whole } from '../../support/remains.ts'
import { secretsOf } from '../../support/secrets.ts'
import { aroundVerbs } from '../../support/verbs.ts'
import { createWorld, type SeenOperation, type SeenTenant, type World } from '../../support/world.ts'

type Seen = { what: string; first: unknown; second: unknown }

const broken = 'broken'
let world: World
const tenants = new Map<string, SeenTenant>()
const verbs: Seen[] = []
const activities: Seen[] = []

/**
 * Everything runs twice: each verb of a mapper, because what it did the first time is not told (the next try has another
 * claim); and each activity, because its answer is lost. What the second run finds it leaves as it is.
 */
beforeAll(async () => {
  world = await createWorld()
  const lost = new Map<string, unknown>()
  const mappers = aroundVerbs(world.deps.mappers, async ({ action, step, target }, run) => {
    if (action === 'migrate' && target.spec.environment === broken)
      throw new FreeholdError('migration_failed', 'this environment is broken')
    const result = await run()
    const what = `${action} ${step}`
    const id = `${target.tenantId} ${what}`
    const seen = await look(target.tenantId, target.spec.kind)
    if (!lost.has(id)) {
      lost.set(id, seen)
      throw new FreeholdError('substrate_unavailable', 'the first answer is lost')
    }
    verbs.push({ what, first: lost.get(id), second: seen })
    lost.delete(id)
    return result
  })
  await world.worker({ mappers }, world.name, [
    ({ info }) => ({
      inbound: {
        async execute(input, next) {
          const given = input.args[0] as Given
          const { operationId, tenantId } = given.input ?? given
          const key = given.step?.replace('/schema', '')
          const both = async () => ({
            result: (await next(input)) as unknown,
            events: await told(operationId ?? '', key),
            ...(key === undefined ? {} : { seen: await look(tenantId ?? '', key.split('/').at(-1) ?? '') }),
          })
          const first = await both()
          const second = await both()
          activities.push({ what: [info.activityType, given.step].filter(Boolean).join(' '), first, second })
          return second.result
        },
      },
    }),
  ])
})
afterAll(() => world.close())
type Ids = { operationId?: string; tenantId?: string }
type Given = Ids & { step?: string; input?: Ids }

/** All there is of a resource of this kind: whoever works beside it may be at the others. */
async function look(id: string, kind: string): Promise<unknown> {
  const tenant = tenants.get(id)
  if (tenant === undefined) throw new Error(`tenant ${id} is not known`)
  const { schemas, roles, sides, topics, files, secrets: names } = await remainsOf(world, tenant)
  const below = (part: string) => files.filter((path) => path.includes(part))
  const sealed = await secretsOf(world.deps, id)
  const secret = async (part: string) => {
    const name = names.find((one) => one.includes(part))
    return name === undefined ? undefined : sealed.read(name)
  }
  switch (kind) {
    case 'secrets':
      return secret('/canary')
    case 'database': {
      const password = await secret('/database-')
      return { schemas, roles, sides, password, opens: await canLogIn(roles[0], password) }
    }
    case 'object-store':
      return { files: below('objects/'), key: await secret('/object-store') }
    case 'network':
      return below('network/')
    case 'topic':
      return { topics, secret: await secret('/topic'), keys: await topicKeys(topics) }
    default:
      return undefined
  }
}

/** What was said of an operation, and of one resource of it where that is named. */
async function told(operation: string, key: string | undefined): Promise<unknown> {
  return sqlOf(world.deps.orm.pool)({
    text: `select type, count(*)::int as count from events
      where operation_id = $1 and ($2::text is null or body::jsonb -> 'data' ->> 'key' = $2) group by type order by type`,
    values: [operation, key ?? null],
  })
}

async function canLogIn(user: string | undefined, password: string | undefined): Promise<boolean> {
  if (user === undefined || password === undefined) return false
  const url = new URL(world.adminUrl('warehouse'))
  Object.assign(url, { username: user, password })
  const client = new pg.Client({ connectionString: url.href })
  return client.connect().then(
    () => client.end().then(() => true),
    () => false,
  )
}

async function topicKeys([topic]: readonly string[]): Promise<unknown> {
  if (topic === undefined) return undefined
  const { authorizationRules = [] } = await world.bus.administration.getTopic(topic)
  return authorizationRules.map((rule) => ('primaryKey' in rule ? rule.primaryKey : undefined))
}

/** Accepts a tenant whose activities begin only once it is known here. */
async function apply(slug: string, spec: object = {}): Promise<{ tenant: SeenTenant; operation: SeenOperation }> {
  const accepted = await world.apply(slug, spec)
  tenants.set(accepted.tenant.id, accepted.tenant)
  return accepted
}
const credentials = async (slug: string) =>
  (await world.request('POST', `/v1/tenants/${slug}/credentials`, {})).body as {
    database: { url: string; password: string }
  }

describe('everything run twice', () => {
  it('makes one tenant, whose credentials open and are renewed once', async () => {
    const { tenant, operation } = await apply('twice')
    await world.until(operation.id, 'succeeded')
    expect(await remainsOf(world, tenant)).toEqual(whole(tenant))
    const { database: before } = await credentials('twice')
    const rotation = await world.request('POST', '/v1/tenants/twice/credentials', { rotate: true })
    await world.until((rotation.body['operation'] as SeenOperation).id, 'succeeded')
    const { database: after } = await credentials('twice')
    expect(after.password).not.toBe(before.password)
    const user = new URL(after.url).username
    expect([await canLogIn(user, before.password), await canLogIn(user, after.password)]).toEqual([false, true])
  })

  it('undoes one that fails, and purges it, and leaves nothing', async () => {
    const { tenant, operation } = await apply('twice-broken', { environments: [{ name: broken }] })
    expect((await world.until(operation.id, 'failed')).error).toMatchObject({ code: 'migration_failed' })
    expect(await remainsOf(world, tenant)).toEqual(nothing)
    const purge = await world.request('POST', '/v1/tenants/twice-broken/purge', { confirm: 'twice-broken' })
    await world.until((purge.body['operation'] as SeenOperation).id, 'succeeded')
  })

  it('leaves the world as the first run did, verb by verb', () => {
    const kinds = new Set(verbs.map(({ what }) => what.replace(/ (prod|broken)\/(1\/)?/, ' ')))
    const resources = ['secrets', 'database', 'object-store', 'runtime', 'network', 'topic']
    expect(kinds).toEqual(
      new Set([
        ...resources.flatMap((kind) => [`ensure ${kind}`, `remove ${kind}`]),
        'migrate database/schema',
        'rotate database',
        'rotate topic',
      ]),
    )
    for (const { what, first, second } of verbs) expect(second, `${what}`).toEqual(first)
  })

  it('gives the same answers, activity by activity, and tells nothing twice', () => {
    expect(new Set(activities.map(({ what }) => what.split(' ')[0]))).toEqual(
      new Set(['begin', 'beginUndo', 'ensure', 'migrate', 'remove', 'rotate', 'settle']),
    )
    for (const { what, first, second } of activities) expect(second, `${what}`).toEqual(first)
  })
})
