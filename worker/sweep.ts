import { errorText } from '../domain/errors.ts'
import { openStates } from '../domain/operation.ts'
import type { Logger } from '../base/logger.ts'
import type { WorkerMetrics } from '../base/metrics.ts'
import type { OperationStarter } from '../base/temporal.ts'
import { acceptDue } from '../operations/due.ts'
import { interruptOperation, resumeOperation } from '../operations/interrupt.ts'
import type { OperationRow } from '../registry/entities/operation.ts'
import type { Orm } from '../registry/orm.ts'
import { sqlOf } from '../registry/pool.ts'

const pageSize = 200

type SweepDeps = { orm: Orm; starter: OperationStarter; log: Logger; metrics: WorkerMetrics }
type Open = Pick<OperationRow, 'id' | 'tenant' | 'kind' | 'state' | 'attempt' | 'intent' | 'phase' | 'generation'> & {
  slug: string
  /** Whether nothing was written of it for some time. */
  isQuiet: boolean
}

/**
 * Accepts operations that are due, and looks at every open one once: starts the workflow of one that was accepted and never
 * started, passes on an abort that got lost, and marks `interrupted` what was closed from outside without an outcome. Safe
 * to run in many workers.
 */
export async function sweepOnce(deps: SweepDeps): Promise<void> {
  let postponed = 0
  await acceptDue(deps.orm.pool).catch((error: unknown) => {
    postponed += 1
    deps.log.warn({ reason: errorText(error) }, 'sweep: could not accept what is due; will try again')
  })
  for await (const operation of openOperations(deps.orm)) {
    try {
      await sweepOne(deps, operation)
    } catch (error) {
      postponed += 1
      deps.metrics.countSweepAction('postponed')
      deps.log.warn(
        { operation_id: operation.id, tenant_id: operation.tenant, reason: errorText(error) },
        'sweep: will look again',
      )
    }
  }
  if (postponed === 0) deps.metrics.sweepLastSuccess.setToCurrentTime()
}

/** All of them, oldest first, page by page: ones that nobody takes up must not hide newer ones. */
async function* openOperations({ pool }: Orm): AsyncGenerator<Open> {
  for (let last: string | null = null; ;) {
    const page: Open[] = await sqlOf(pool)<Open>({
      name: 'open-operations',
      text: `select o.id, o.tenant_id as tenant, o.kind, o.state, o.attempt, o.intent, o.phase, o.generation, t.slug,
          o.updated_at < now() - interval '10 seconds' as "isQuiet"
        from operations o join tenants t on t.id = o.tenant_id
        where o.state = any ($1) and ($2::uuid is null or o.id > $2) order by o.id limit $3`,
      values: [[...openStates], last, pageSize],
    })
    yield* page
    last = page.at(-1)?.id ?? null
    if (page.length < pageSize) return
  }
}

async function sweepOne({ orm, starter, log, metrics }: SweepDeps, operation: Open): Promise<void> {
  const { id: operation_id, tenant: tenant_id } = operation
  const standing = await starter.standing(operation)
  if (standing === 'running') {
    if (operation.intent === 'compensate' && operation.phase !== 'compensating') {
      await starter.cancel(operation)
      metrics.countSweepAction('cancelled')
    }
    // One that has stalled has said so and is about to close; when it runs long after, it was reset.
    const mayResume = operation.state === 'interrupted' && (operation.phase !== 'stalled' || operation.isQuiet)
    if (mayResume && (await resumeOperation(orm.pool, operation))) metrics.countSweepAction('resumed')
    return
  }
  if (operation.state === 'accepted' && standing === 'missing') {
    await starter.start(operation)
    metrics.countSweepAction('started')
    log.info({ operation_id, tenant_id }, 'sweep: started what was left behind')
    return
  }
  if (operation.state === 'interrupted' || !(await interruptOperation(orm.pool, operation, standing))) return
  metrics.countSweepAction('interrupted')
  log.warn({ operation_id, tenant_id, standing }, 'sweep: a workflow ended without settling its operation')
}
