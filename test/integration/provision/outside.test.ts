import type { WorkflowHandle } from '@temporalio/client'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { nothing, remainsOf, whole } from '../../support/remains.ts'
import { aroundVerbs } from '../../support/verbs.ts'
import { createWorld, manifest, type SeenTenant, type World } from '../../support/world.ts'

/** What an operator or a crash does to a workflow from outside never loses or locks a tenant, and leaves nothing behind. */
describe('from outside', () => {
  let world: World
  beforeAll(async () => {
    world = await createWorld()
  })
  afterAll(() => world.close())

  /**
   * Starts a worker that stops before a schema is migrated, when all else was made, until it is let go or told to end; and
   * gives who is there.
   */
  async function halfWay(slug: string) {
    const arrived = Promise.withResolvers<undefined>()
    const goOn = Promise.withResolvers<undefined>()
    const mappers = aroundVerbs(world.deps.mappers, async ({ action, target }, run) => {
      if (action !== 'migrate') return run()
      arrived.resolve(undefined)
      await Promise.race([
        goOn.promise,
        new Promise((_, reject) =>
          target.signal.addEventListener('abort', () => reject(target.signal.reason as Error)),
        ),
      ])
      return run()
    })
    const worker = await world.worker({ mappers })
    onTestFinished(async () => {
      goOn.resolve(undefined)
      await worker.stop()
    })
    const { operation, tenant } = await world.apply(slug)
    await arrived.promise
    expect(await remainsOf(world, tenant)).toEqual(whole(tenant))
    const handle = await world.workflow(operation.workflowId)
    return { operation, tenant, handle, goOn: () => goOn.resolve(undefined) }
  }
  const isGone = async (tenant: SeenTenant) => {
    expect(await remainsOf(world, tenant)).toEqual(nothing)
    expect(await world.tenant(tenant.slug)).toMatchObject({ state: 'failed', conditions: [] })
  }
  const isWhole = async (tenant: SeenTenant) => {
    expect(await remainsOf(world, tenant)).toEqual(whole(tenant))
    expect(await world.tenant(tenant.slug)).toMatchObject({ state: 'active', conditions: [] })
  }

  async function reset(handle: WorkflowHandle): Promise<void> {
    const { runId } = await handle.describe()
    await world.client.workflowService.resetWorkflowExecution({
      namespace: 'freehold',
      workflowExecution: { workflowId: handle.workflowId, runId },
      reason: 'by hand',
      requestId: runId,
      workflowTaskFinishEventId: 4 as never,
    })
  }

  it('an operation whose API died before the start is started by the sweep', async () => {
    const silent = world.api({
      starter: { ...world.starter, start: () => Promise.reject(new Error('the API died here')) },
    })
    const { body } = await world.request('POST', '/v1/tenants', manifest('left-behind'), {}, silent)
    const worker = await world.worker()
    expect(await world.until((body['operation'] as { id: string }).id, 'succeeded')).toMatchObject({ attempt: 1 })
    await isWhole(body['tenant'] as SeenTenant)
    await worker.stop()
  })

  it('a terminated workflow is interrupted, needs attention, and retry rolls it forward', async () => {
    const { operation, tenant, handle, goOn } = await halfWay('terminated')
    await handle.terminate('by hand')
    expect((await world.until(operation.id, 'interrupted')).error).toMatchObject({ code: 'workflow_lost' })
    expect(await world.tenant('terminated')).toMatchObject({ conditions: [{ type: 'NeedsAttention' }] })
    goOn()
    await world.request('POST', '/v1/tenants/terminated/retry', {})
    expect(await world.until(operation.id, 'succeeded')).toMatchObject({ attempt: 2 })
    await isWhole(tenant)
  })

  it('abort of a terminated one removes all that it had made', async () => {
    const { operation, tenant, handle } = await halfWay('terminated-aborted')
    await handle.terminate('by hand')
    await world.until(operation.id, 'interrupted')
    expect((await world.request('POST', '/v1/tenants/terminated-aborted/abort', {})).status).toBe(202)
    expect(await world.until(operation.id, 'aborted')).toMatchObject({ attempt: 2 })
    await isGone(tenant)
  })

  it('abort by the API removes all that was made', async () => {
    const { operation, tenant } = await halfWay('aborted')
    expect((await world.request('POST', '/v1/tenants/aborted/abort', {})).status).toBe(202)
    expect((await world.until(operation.id, 'aborted')).error).toMatchObject({ code: 'operation_aborted' })
    await isGone(tenant)
  })

  it('cancel in the Web UI removes all that was made', async () => {
    const { operation, tenant, handle } = await halfWay('cancelled')
    await handle.cancel()
    expect(await world.until(operation.id, 'aborted')).toMatchObject({ attempt: 1 })
    await isGone(tenant)
  })

  it('a reset of a workflow under way goes on with what was made', async () => {
    const { operation, tenant, handle, goOn } = await halfWay('reset')
    await reset(handle)
    goOn()
    expect(await world.until(operation.id, 'succeeded')).toMatchObject({ attempt: 1 })
    await isWhole(tenant)
  })

  it('a reset of a workflow that had settled changes nothing', async () => {
    const { operation, tenant, handle, goOn } = await halfWay('reset-settled')
    goOn()
    await world.until(operation.id, 'succeeded')
    await handle.result()
    await reset(handle)
    await world.client.workflow.getHandle(operation.workflowId).result()
    await isWhole(tenant)
    expect(await world.operation(operation.id)).toMatchObject({ state: 'succeeded', attempt: 1 })
  })
})
