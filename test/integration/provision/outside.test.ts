import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWorld, manifest, type World } from '../../support/world.ts'

/** What an operator or a crash does to a workflow from outside never loses or locks a tenant. */
describe('from outside', () => {
  let world: World
  beforeAll(async () => {
    world = await createWorld()
  })
  afterAll(() => world.close())

  it('an operation whose API died before the start is started by the sweep', async () => {
    const silent = world.api({
      starter: { ...world.starter, start: () => Promise.reject(new Error('the API died here')) },
    })
    const { body } = await world.request('POST', '/v1/tenants', manifest('left-behind'), {}, silent)
    const worker = await world.worker()
    await world.until((body['operation'] as { id: string }).id, 'succeeded')
    expect(await world.tenant('left-behind')).toMatchObject({ state: 'active' })
    await worker.stop()
  })

  it('a terminated workflow is interrupted, needs attention, and retry rolls it forward', async () => {
    const { operation } = await world.apply('terminated')
    await (await world.workflow(operation.workflowId)).terminate('by hand')
    const worker = await world.worker()
    await world.until(operation.id, 'interrupted')
    expect(await world.tenant('terminated')).toMatchObject({ conditions: [{ type: 'NeedsAttention' }] })
    await world.request('POST', '/v1/tenants/terminated/retry', {})
    expect(await world.until(operation.id, 'succeeded')).toMatchObject({ attempt: 2 })
    expect(await world.tenant('terminated')).toMatchObject({ state: 'active', conditions: [] })
    await worker.stop()
  })

  it('abort of an interrupted operation undoes it', async () => {
    const { operation } = await world.apply('aborted')
    await (await world.workflow(operation.workflowId)).terminate('by hand')
    const worker = await world.worker()
    await world.until(operation.id, 'interrupted')
    expect((await world.request('POST', '/v1/tenants/aborted/abort', {})).status).toBe(202)
    await world.until(operation.id, 'aborted')
    expect(await world.tenant('aborted')).toMatchObject({ state: 'failed' })
    await worker.stop()
  })

  it('cancel in the Web UI compensates', async () => {
    const { operation } = await world.apply('cancelled')
    await (await world.workflow(operation.workflowId)).cancel()
    const worker = await world.worker()
    await world.until(operation.id, 'aborted')
    expect(await world.tenant('cancelled')).toMatchObject({ state: 'failed' })
    expect((await world.request('GET', '/v1/tenants/cancelled/resources')).body['items']).toEqual([])
    await worker.stop()
  })

  it('a reset of a workflow that had settled changes nothing', async () => {
    const worker = await world.worker()
    const { operation } = await world.apply('reset')
    await world.until(operation.id, 'succeeded')
    const handle = world.client.workflow.getHandle(operation.workflowId)
    await handle.result()
    const { runId } = await handle.describe()
    await world.client.workflowService.resetWorkflowExecution({
      namespace: 'freehold',
      workflowExecution: { workflowId: operation.workflowId, runId },
      reason: 'by hand',
      requestId: operation.id,
      workflowTaskFinishEventId: 4 as never,
    })
    await world.client.workflow
      .getHandle(operation.workflowId)
      .result()
      .catch(() => undefined)
    expect(await world.tenant('reset')).toMatchObject({ state: 'active' })
    expect(await world.operation(operation.id)).toMatchObject({ state: 'succeeded', attempt: 1 })
    await worker.stop()
  })
})
