import { openStates } from '../domain/operation.ts'
import { Operation, type OperationRow } from '../registry/entities/operation.ts'
import { databaseNow } from '../registry/entities/types.ts'
import { Tenant } from '../registry/entities/tenant.ts'
import { appendEvents } from '../registry/events.ts'
import { findOperation } from '../registry/operations.ts'
import type { Orm } from '../registry/orm.ts'
import { clearCondition, raiseCondition } from '../registry/tenants.ts'
import type { Logger } from '../base/logger.ts'
import type { WorkerMetrics } from '../base/metrics.ts'
import type { OperationStarter } from '../base/temporal.ts'

const pageSize = 200

type SweepDeps = { orm: Orm; starter: OperationStarter; log: Logger; metrics: WorkerMetrics }

/**
 * Looks at every open operation once: starts the workflow of one that was accepted and never started, passes on an abort
 * that got lost, and marks `interrupted` what was closed from outside without an outcome. Safe to run in many workers.
 */
export async function sweepOnce(deps: SweepDeps): Promise<void> {
  let postponed = 0
  for await (const operation of openOperations(deps.orm)) {
    try {
      await look(deps, operation)
    } catch (error) {
      postponed += 1
      deps.metrics.countSweepAction('postponed')
      deps.log.warn(
        {
          operation_id: operation.id,
          tenant_id: operation.tenant,
          reason: error instanceof Error ? error.message : 'unknown',
        },
        'sweep: will look again',
      )
    }
  }
  if (postponed === 0) deps.metrics.sweepLastSuccess.setToCurrentTime()
}

/** All of them, oldest first, page by page: ones that nobody takes up must not hide newer ones. */
async function* openOperations(orm: Orm): AsyncGenerator<OperationRow> {
  for (let last: OperationRow | undefined; ;) {
    const page: OperationRow[] = await orm.em
      .fork()
      .find(
        Operation,
        { state: { $in: [...openStates] }, ...(last === undefined ? {} : { id: { $gt: last.id } }) },
        { orderBy: { id: 'asc' }, limit: pageSize },
      )
    yield* page
    last = page.at(-1)
    if (page.length < pageSize) return
  }
}

async function look({ orm, starter, log, metrics }: SweepDeps, operation: OperationRow): Promise<void> {
  const standing = await starter.standing(operation)
  if (standing === 'running') {
    if (operation.intent === 'compensate' && operation.phase !== 'compensating') {
      await starter.cancel(operation)
      metrics.countSweepAction('cancelled')
    }
    // One that has stalled has said so and is about to close.
    const mayResume = operation.state === 'interrupted' && operation.phase !== 'stalled'
    if (mayResume && (await resumed(orm, operation))) metrics.countSweepAction('resumed')
    return
  }
  if (operation.state === 'accepted' && standing === 'missing') {
    const tenant = await orm.em.fork().findOneOrFail(Tenant, { id: operation.tenant })
    await starter.start({ ...operation, slug: tenant.slug })
    metrics.countSweepAction('started')
    log.info({ operation_id: operation.id, tenant_id: operation.tenant }, 'sweep: started what was left behind')
    return
  }
  if (operation.state === 'interrupted' || !(await interrupt(orm, operation, standing))) return
  metrics.countSweepAction('interrupted')
  log.warn(
    { operation_id: operation.id, tenant_id: operation.tenant, standing },
    'sweep: a workflow ended without settling its operation',
  )
}

/** Marks the operation interrupted, unless it was settled or taken up anew since it was looked at. */
async function interrupt(orm: Orm, seen: OperationRow, standing: 'closed' | 'missing'): Promise<boolean> {
  return orm.em.fork().transactional(async (em) => {
    const operation = await findOperation(em, seen.id, 'lock')
    if (operation.attempt !== seen.attempt || operation.state !== seen.state) return false
    const tenant = await em.findOneOrFail(Tenant, { id: operation.tenant })
    const message = `the workflow of ${operation.kind} is ${standing === 'closed' ? 'closed' : 'gone'} without an outcome; retry or abort it`
    await raiseCondition(em, tenant, 'NeedsAttention', { reason: 'interrupted', message })
    Object.assign(operation, {
      state: 'interrupted',
      revision: operation.revision + 1,
      updatedAt: databaseNow(),
      error: { code: 'operation_superseded', message },
    })
    await em.flush()
    await appendEvents(em, tenant.id, [
      {
        type: 'TENANCY_OPERATION_INTERRUPTED',
        actor: 'system:sweep',
        operationId: operation.id,
        correlationId: operation.correlationId,
        data: { kind: operation.kind, standing },
      },
    ])
    return true
  })
}

/** A workflow that was reset from outside runs again: the operation is no longer interrupted. */
async function resumed(orm: Orm, seen: OperationRow): Promise<boolean> {
  return orm.em.fork().transactional(async (em) => {
    const operation = await findOperation(em, seen.id, 'lock')
    if (operation.attempt !== seen.attempt || operation.state !== 'interrupted') return false
    const tenant = await em.findOneOrFail(Tenant, { id: operation.tenant })
    clearCondition(tenant, 'NeedsAttention')
    Object.assign(operation, {
      state: 'running',
      error: null,
      revision: operation.revision + 1,
      updatedAt: databaseNow(),
    })
    await em.flush()
    await appendEvents(em, tenant.id, [
      {
        type: 'TENANCY_OPERATION_STARTED',
        actor: 'system:sweep',
        operationId: operation.id,
        correlationId: operation.correlationId,
        data: { kind: operation.kind, attempt: operation.attempt },
      },
    ])
    return true
  })
}
