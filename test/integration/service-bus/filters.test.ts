import type { CorrelationRuleFilter, SqlRuleFilter } from '@azure/service-bus'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { receive, startBroker } from './broker.ts'
import type { TestBroker } from './broker.ts'

let broker: TestBroker
beforeAll(async () => {
  broker = await startBroker()
})
afterAll(() => broker.close())

const messages = [
  { body: 1, subject: 'created', applicationProperties: { region: 'eu', size: 1 } },
  { body: 2, subject: 'created', applicationProperties: { region: 'us', size: 2, vip: true } },
  { body: 3, subject: 'deleted', correlationId: 'c', applicationProperties: { region: 'eu', note: 'a%b' } },
  { body: 4 },
]

/** The bodies that a subscription with this filter gets of {@link messages}. */
async function matched(filter: SqlRuleFilter | CorrelationRuleFilter): Promise<unknown[]> {
  const topic = await broker.topic()
  const admin = broker.admin()
  await admin.createSubscription(topic, 'some', { defaultRuleOptions: { name: 'rule', filter } })
  const client = broker.client()
  await client.createSender(topic).sendMessages(messages)
  const counts = await admin.getSubscriptionRuntimeProperties(topic, 'some')
  const receiver = client.createReceiver(topic, 'some', { receiveMode: 'receiveAndDelete' })
  return (await receive(receiver, counts.activeMessageCount)).map(({ body }) => body)
}

describe('filters', () => {
  test.each<[string, unknown[]]>([
    ["sys.Label = 'created'", [1, 2]],
    ["region <> 'eu'", [2]],
    ["region = 'eu' AND NOT sys.Label = 'created'", [3]],
    ["vip = TRUE OR user.note LIKE 'a!%%' ESCAPE '!'", [2, 3]],
    ['size IN (2, 3)', [2]],
    ["sys.Label NOT IN ('created', 'x')", [3]],
    ['region IS NULL', [4]],
    ["sys.CorrelationId IS NOT NULL and (size = 1 or region like '_u')", [3]],
    ['1=0', []],
  ])('SQL %s', async (sqlExpression, bodies) => {
    expect(await matched({ sqlExpression })).toEqual(bodies)
  })

  test.each<[string, CorrelationRuleFilter, unknown[]]>([
    ['subject', { subject: 'created' }, [1, 2]],
    ['correlation id', { correlationId: 'c' }, [3]],
    ['application properties', { applicationProperties: { region: 'us', size: 2, vip: true } }, [2]],
    ['both together', { subject: 'deleted', applicationProperties: { region: 'eu' } }, [3]],
  ])('correlation by %s', async (_name, filter, bodies) => {
    expect(await matched(filter)).toEqual(bodies)
  })

  test.each([
    ['size > 1', /'>'/],
    ['size + 1 = 2', /'\+'/],
    ["sys.EnqueuedTimeUtc = 'x'", /'EnqueuedTimeUtc'/],
    ['newid() = 1', /'\('/],
    ["region = 'eu", /'''/],
    ["region = 'eu' AND", /'the end'/],
  ])('the filter %s is refused, and nothing is created', async (sqlExpression, named) => {
    const topic = await broker.topic()
    const admin = broker.admin()
    const refused = { statusCode: 400, message: expect.stringMatching(named) }
    const filter = { sqlExpression }
    await expect(admin.createRule(topic, 'all', 'bad', filter)).rejects.toMatchObject(refused)
    const subscription = admin.createSubscription(topic, 'bad', { defaultRuleOptions: { name: 'bad', filter } })
    await expect(subscription).rejects.toMatchObject(refused)
    expect(await admin.subscriptionExists(topic, 'bad')).toBe(false)
    expect(await admin.ruleExists(topic, 'all', 'bad')).toBe(false)
  })

  test('actions and parameters are refused', async () => {
    const topic = await broker.topic()
    const admin = broker.admin()
    const action = { sqlExpression: "SET a = 'b'" }
    await expect(admin.createRule(topic, 'all', 'r', { sqlExpression: '1=1' }, action)).rejects.toThrow(/actions/)
    const parametrised = { sqlExpression: 'a = @b', sqlParameters: { '@b': 1 } }
    await expect(admin.createRule(topic, 'all', 'r', parametrised)).rejects.toThrow(/parameters/)
  })

  test('rules are listed, changed and deleted; without any no message is copied', async () => {
    const topic = await broker.topic()
    const admin = broker.admin()
    const applicationProperties = { region: 'eu', size: 1, vip: false }
    const created = await admin.createRule(topic, 'all', 'by-region', { subject: 'x', applicationProperties })
    expect(created.filter).toMatchObject({ subject: 'x', applicationProperties })
    await expect(admin.createRule(topic, 'all', 'by-region', { sqlExpression: '1=1' })).rejects.toMatchObject({
      code: 'MessageEntityAlreadyExistsError',
    })
    const changed = { ...(await admin.getRule(topic, 'all', 'by-region')), filter: { sqlExpression: "region = 'us'" } }
    expect((await admin.updateRule(topic, 'all', changed)).filter).toMatchObject({ sqlExpression: "region = 'us'" })
    const names = []
    for await (const { name } of admin.listRules(topic, 'all')) names.push(name)
    expect(names).toEqual(['$Default', 'by-region'])
    for (const name of names) await admin.deleteRule(topic, 'all', name)
    await broker.client().createSender(topic).sendMessages(messages)
    expect((await admin.getSubscriptionRuntimeProperties(topic, 'all')).totalMessageCount).toBe(0)
  })

  test('the data plane manages rules too', async () => {
    const topic = await broker.topic()
    const rules = broker.client().createRuleManager(topic, 'all')
    await rules.createRule('sql', { sqlExpression: "a = 'b'" })
    await rules.createRule('correlation', { subject: 's', applicationProperties: { n: 1 } })
    await rules.createRule('plain', { correlationId: 'c' })
    await rules.deleteRule('$Default')
    await expect(rules.createRule('bad', { sqlExpression: 'a > 1' })).rejects.toThrow(/'>'/)
    await expect(rules.deleteRule('bad')).rejects.toMatchObject({ code: 'MessagingEntityNotFound' })
    const found = []
    for await (const { name, filter } of rules.listRules()) found.push({ name, filter })
    expect(found).toMatchObject([
      { name: 'sql', filter: { sqlExpression: "a = 'b'" } },
      { name: 'correlation', filter: { subject: 's', applicationProperties: { n: 1 } } },
      { name: 'plain', filter: { correlationId: 'c' } },
    ])
  })
})
