import { randomUUID } from 'node:crypto'
import { sleep } from '@temporalio/activity'
import { Client, WorkflowFailedError } from '@temporalio/client'
import { ApplicationFailure, TimeoutFailure } from '@temporalio/common'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { TenantContext } from '../../../packages/sdk/index.ts'
import { createWorkloads, recording, untilItWaits, type Workloads } from './support.ts'

const briefTasks = new URL('./brief-tasks.ts', import.meta.url).pathname

describe('work that fails', () => {
  let world: Workloads
  let tenant: TenantContext
  beforeAll(async () => {
    world = await createWorkloads()
    tenant = await world.tenant('unlucky')
  })
  beforeEach(() => {
    world.newQueue()
    tenant = world.inQueue(tenant)
  })
  afterEach(() => world.stopWorkers())
  afterAll(() => world.close())

  /** What the activity of a failed task failed with. */
  async function failureOf(task: { result(): Promise<unknown> }): Promise<unknown> {
    const error = await task.result().catch((failure: unknown) => failure)
    return error instanceof WorkflowFailedError ? (error.cause?.cause ?? error.cause) : error
  }

  it('is tried three times, whatever its tenant made it wait for, and its error is told', async () => {
    const { seen, activities } = recording(async () => {
      throw new Error('no paper in the printer')
    })
    await world.worker({ activities })
    await world.setState(tenant, 'suspended')
    const task = await world.submit(tenant, 'print')
    await untilItWaits(task, 'is suspended')
    await world.setState(tenant, 'active')
    expect(await failureOf(task)).toMatchObject({ type: 'WorkFailed', message: 'no paper in the printer' })
    expect(seen.begun).toHaveLength(3)
  })

  it('is not tried again when it says that it is final', async () => {
    const { seen, activities } = recording(async () => {
      throw ApplicationFailure.nonRetryable('there is no such printer', 'PrinterUnknown')
    })
    await world.worker({ activities })
    expect(await failureOf(await world.submit(tenant, 'print'))).toMatchObject({ type: 'PrinterUnknown' })
    expect(seen.begun).toHaveLength(1)
  })

  it('takes its time, and is tried a bounded number of times as well', async () => {
    const { seen, activities } = recording(async () => {
      await sleep(2_000)
      return 'too late'
    })
    await world.worker({ activities, workflows: { workflowsPath: briefTasks } })
    expect(await failureOf(await world.submit(tenant, 'print'))).toBeInstanceOf(TimeoutFailure)
    expect(seen.begun).toHaveLength(2)
  })

  it('does not begin when its activity could be lost by waiting, or names no tenant', async () => {
    const { seen, activities } = recording()
    await world.worker({ activities, workflows: { workflowsPath: briefTasks } })
    expect(await failureOf(await world.submit(tenant, 'impatient'))).toMatchObject({ type: 'RetryPolicyInvalid' })
    const client = new Client({ connection: world.connection, namespace: 'workloads' })
    const anonymous = await client.workflow.start('tenantTask', {
      workflowId: randomUUID(),
      taskQueue: world.queue,
      args: [{ name: 'anonymous', milliseconds: 1 }],
    })
    expect(await failureOf(anonymous)).toMatchObject({ type: 'TenantMissing' })
    expect(seen.begun).toEqual([])
  })
})
