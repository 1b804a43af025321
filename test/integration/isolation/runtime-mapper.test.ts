import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, Connection } from '@temporalio/client'
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { Target } from '../../../isolation/mapper.ts'
import { createRuntimeMapper } from '../../../isolation/mappers/runtime.ts'
import { freePorts } from '../../../local/ports.ts'
import { ensureNamespaces } from '../../../deploy/temporal-namespaces.ts'
import { startTemporal } from '../../../local/temporal/server.ts'
import { temporaryDirectory } from '../../support/temp-dir.ts'
import { codeOf, testCell, testTenant, type TestCell, type TestTenant } from './support.ts'

const tenantId = defineSearchAttributeKey('TenantId', SearchAttributeType.KEYWORD)
const environment = defineSearchAttributeKey('Environment', SearchAttributeType.KEYWORD)

describe('the runtime of a tenant', () => {
  const address = inject('temporalAddress')
  const mapper = createRuntimeMapper({ address, visibilityLagMs: 400 })
  let cell: TestCell
  let connection: Connection
  let client: Client

  beforeAll(async () => {
    cell = await testCell()
    connection = await Connection.connect({ address })
    client = new Client({ connection, namespace: 'workloads' })
  })
  afterAll(async () => {
    await mapper.close()
    await connection.close()
    await cell.drop()
  })

  /** Starts work that nobody carries out, so it is open until somebody ends it. */
  async function start(tenant: TestTenant, inEnvironment = 'prod') {
    return client.workflow.start('nobody', {
      workflowId: `test/${randomUUID()}`,
      taskQueue: `nobody-${randomUUID()}`,
      typedSearchAttributes: [
        { key: tenantId, value: tenant.id },
        { key: environment, value: inEnvironment },
      ],
    })
  }

  const statusOf = async (handle: Awaited<ReturnType<typeof start>>) => (await handle.describe()).status.name
  const inNamespace = (target: Target<'runtime'>, namespace: string): Target<'runtime'> => ({
    ...target,
    spec: { ...target.spec, properties: { ...target.spec.properties, namespace } },
  })

  it('is the same however often it is made, frozen, thawed and removed', async () => {
    const target = testTenant(cell.cell).target('runtime')
    const facts = await mapper.ensure(target)
    expect(facts).toMatchObject({ namespace: 'workloads', taskQueue: 'work', fairnessWeight: 1, concurrentTasks: 1 })
    expect(await mapper.ensure(target)).toEqual(facts)
    for (const verb of ['freeze', 'freeze', 'thaw', 'thaw'] as const) await mapper[verb](target)
    expect(await mapper.observe(target)).toMatchObject({ owner: target.tenantId, facts: { ...facts, open: 0 } })
    expect(await mapper.remove(target)).toEqual({ outcome: 'absent' })
    expect(await mapper.remove(target)).toEqual({ outcome: 'absent' })
  })

  it('ends all work of the tenant in this environment when it is removed, and nothing of anybody else', async () => {
    const [tenant, neighbour] = [testTenant(cell.cell), testTenant(cell.cell)]
    const own = await Promise.all(Array.from({ length: 45 }, () => start(tenant)))
    const others = [await start(neighbour), await start(tenant, 'staging')]

    // Started just now: not everything is listed yet, and all of it has to go.
    expect(await mapper.remove(tenant.target('runtime'))).toEqual({ outcome: 'removed' })
    expect(new Set(await Promise.all(own.map(statusOf)))).toEqual(new Set(['TERMINATED']))
    expect(await Promise.all(others.map(statusOf))).toEqual(['RUNNING', 'RUNNING'])
    expect(await mapper.remove(tenant.target('runtime'))).toEqual({ outcome: 'absent' })
    expect(await mapper.observe(tenant.target('runtime'))).toMatchObject({ facts: { open: 0 } })
    for (const handle of others) await handle.terminate()
  })

  it('ends what is started, or listed, only after it first looked', async () => {
    const patient = createRuntimeMapper({ address, visibilityLagMs: 1_500 })
    const tenant = testTenant(cell.cell)
    await patient.ensure(tenant.target('runtime'))
    const removing = patient.remove(tenant.target('runtime'))
    await sleep(200)
    const late = await start(tenant)
    expect(await removing).toEqual({ outcome: 'removed' })
    expect(await statusOf(late)).toBe('TERMINATED')
    await patient.close()
  })

  it('comes again when the server refuses a rate, as it does when two set one at once', async () => {
    const target = testTenant(cell.cell).target('runtime')
    const properties = { ...target.spec.properties, ownQueue: true }
    // Told in the reason, which the server then finds too long.
    const refused = { ...target, tenantId: 'x'.repeat(5_000), spec: { ...target.spec, properties } }
    await expect(mapper.freeze(refused)).rejects.toMatchObject({
      code: 'substrate_unavailable',
      message: expect.stringContaining('INVALID_ARGUMENT'),
    })
  })

  it('says of a namespace that is not there, or lacks the search attributes, that the configuration is wrong', async () => {
    const target = testTenant(cell.cell).target('runtime')
    const absent = inNamespace(target, 'no-such-namespace')
    for (const verb of ['observe', 'ensure', 'remove'] as const)
      await expect(mapper[verb](absent)).rejects.toMatchObject({
        code: 'configuration_invalid',
        message: expect.stringContaining('no-such-namespace'),
      })
    const bare = `bare-${randomUUID().slice(0, 8)}`
    await ensureNamespaces({ address }, [{ name: bare, retentionDays: 1 }])
    await expect(mapper.ensure(inNamespace(target, bare))).rejects.toMatchObject({
      code: 'configuration_invalid',
      message: expect.stringContaining('TenantId'),
    })
  })

  it('can be tried again when the server is down, and works once it is back', async () => {
    const [port = 0] = await freePorts(1)
    const stateDir = temporaryDirectory()
    const target = inNamespace(testTenant(cell.cell).target('runtime'), 'default')
    const up = () => startTemporal({ binary: inject('temporalBinary'), stateDir, port, keepState: false })
    const restarted = createRuntimeMapper({ address: `127.0.0.1:${port}` })
    expect(await codeOf(restarted.ensure(target))).toBe('substrate_unavailable')
    // The namespace "default" lacks the search attributes, which only a server that answers can say.
    for (let round = 0; round < 2; round += 1) {
      const server = await up()
      await expect.poll(() => codeOf(restarted.ensure(target)), { timeout: 20_000 }).toBe('configuration_invalid')
      await server.stop()
      expect(await codeOf(restarted.ensure(target))).toBe('substrate_unavailable')
    }
    await restarted.close()
  })
})
