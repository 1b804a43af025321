import { LockMode } from '@mikro-orm/core'
import type { NewEvent } from '../domain/events.ts'
import { assertTransition, lifecycle, type TenantState } from '../domain/lifecycle.ts'
import type { OperationError, OperationInput, Outcome, PlanStep } from '../domain/operation.ts'
import { FreeholdError } from '../domain/errors.ts'
import { databaseNow } from '../registry/entities/types.ts'
import type { OperationRow } from '../registry/entities/operation.ts'
import { Placement } from '../registry/entities/placement.ts'
import { Tenant, type TenantRow } from '../registry/entities/tenant.ts'
import { appendEvents } from '../registry/events.ts'
import { destroyTenantKey } from '../registry/keys.ts'
import { releaseCapacity } from '../registry/capacity.ts'
import { planResources } from '../registry/ledger.ts'
import { findOperation, isOpen } from '../registry/operations.ts'
import type { EntityManager } from '../registry/orm.ts'
import { clearCondition, raiseCondition } from '../registry/tenants.ts'
import type { ActivityDeps } from './deps.ts'
import { planOperation, planUndo } from './planning.ts'

const actor = 'system:worker' as const

/** What a workflow needs to know to go on. `done`: another attempt settled it, or it is no longer this attempt's. */
export type Begun = { proceed: 'forward' | 'compensate' | 'done'; slug: string; steps: PlanStep[] }

/** Activities that open and close an operation. Only they write the state of a tenant. */
export function createOperationActivities({ orm, platform }: Pick<ActivityDeps, 'orm' | 'platform'>) {
  /** Takes the operation up: sets the tenant's through state, enters what will be made in the ledger, and gives the steps. */
  async function begin(input: OperationInput): Promise<Begun> {
    return orm.em.fork().transactional(async (em) => {
      const { operation, tenant } = await lockBoth(em, input.operationId)
      if (!isOpen(operation.state) || operation.attempt !== input.attempt)
        return { proceed: 'done', slug: tenant.slug, steps: [] }
      const events: NewEvent[] = []
      if (operation.state !== 'running') {
        operation.startedAt ??= databaseNow()
        events.push({
          type: 'TENANCY_OPERATION_STARTED',
          ...by(operation),
          data: { kind: operation.kind, attempt: operation.attempt },
        })
        clearCondition(tenant, 'NeedsAttention')
      }
      const { through } = lifecycle[operation.kind]
      if (through !== 'keeps') {
        if (tenant.state !== through) assertTransition(operation.kind, tenant.state)
        events.push(...enterState(tenant, through, operation))
      }
      const forward = operation.intent === 'forward'
      const plan = forward ? await planOperation(em, platform, tenant, operation) : { resources: [], steps: [] }
      const planned = await planResources(em, tenant.id, operation.id, plan.resources)
      events.push(
        ...planned.map((spec) => ({
          type: 'TENANCY_RESOURCE_PLANNED' as const,
          ...by(operation),
          data: { key: spec.key, name: spec.name, cell: spec.cell },
        })),
      )
      if (forward)
        operation.steps = plan.steps.map(({ key, title, after }) => ({ key, title, after, state: 'pending' }))
      touch(operation, { state: 'running', phase: forward ? 'resources' : 'compensating' })
      await em.flush()
      await appendEvents(em, tenant.id, events)
      return { proceed: forward ? 'forward' : 'compensate', slug: tenant.slug, steps: plan.steps }
    })
  }

  /** Steps that undo what this operation made, whichever attempt made it. */
  async function beginUndo(input: OperationInput): Promise<PlanStep[]> {
    return orm.em.fork().transactional(async (em) => {
      const { operation } = await lockBoth(em, input.operationId)
      if (!isOpen(operation.state) || operation.attempt !== input.attempt) return []
      touch(operation, { state: 'running', intent: 'compensate', phase: 'compensating' })
      return planUndo(em, operation)
    })
  }

  /**
   * Writes the outcome: state of tenant and placements, operation and events in one transaction. Settling twice is settling
   * once. Success is not settled any more once an abort was accepted: the answer is then that it has to be undone.
   */
  async function settle({
    input,
    outcome,
    error,
  }: {
    input: OperationInput
    outcome: Outcome
    error?: OperationError
  }): Promise<'settled' | 'to-be-undone'> {
    return orm.em.fork().transactional(async (em) => {
      const { operation, tenant } = await lockBoth(em, input.operationId)
      if (!isOpen(operation.state) || operation.attempt !== input.attempt) return 'settled'
      if (outcome === 'succeeded' && operation.intent === 'compensate') return 'to-be-undone'
      const events =
        outcome === 'succeeded'
          ? await succeed(em, tenant, operation)
          : await fall(em, tenant, operation, outcome, error)
      await em.flush()
      await appendEvents(em, tenant.id, events)
      return 'settled'
    })
  }

  return { begin, beginUndo, settle }
}
export type OperationActivities = ReturnType<typeof createOperationActivities>

async function lockBoth(
  em: EntityManager,
  operationId: string,
): Promise<{ operation: OperationRow; tenant: TenantRow }> {
  const operation = await findOperation(em, operationId, 'lock')
  const tenant = await em.findOne(Tenant, { id: operation.tenant }, { lockMode: LockMode.PESSIMISTIC_WRITE })
  if (tenant === null)
    throw new FreeholdError('tenant_not_found', `operation ${operationId} is of a tenant that is not in the registry`)
  return { operation, tenant }
}

async function succeed(em: EntityManager, tenant: TenantRow, operation: OperationRow): Promise<NewEvent[]> {
  const { to } = lifecycle[operation.kind]
  const events: NewEvent[] = []
  if (operation.kind === 'provision') {
    tenant.observedGeneration = operation.generation
    await em.nativeUpdate(
      Placement,
      { tenant: tenant.id, state: 'pending' },
      { state: 'active', updatedAt: databaseNow() },
    )
  }
  if (operation.kind === 'purge') events.push(...(await dissolve(em, tenant, operation)))
  if (to !== 'keeps') events.push(...enterState(tenant, to, operation))
  clearCondition(tenant, 'NeedsAttention')
  touch(operation, { state: 'succeeded', phase: 'done', error: null, finishedAt: databaseNow() })
  return [...events, { type: 'TENANCY_OPERATION_SUCCEEDED', ...by(operation), data: { kind: operation.kind } }]
}

/** What is left of a tenant once its resources are gone: places in cells, and the key that everything was sealed with. */
async function dissolve(em: EntityManager, tenant: TenantRow, operation: OperationRow): Promise<NewEvent[]> {
  const placements = await em.find(Placement, { tenant: tenant.id, state: { $ne: 'released' } })
  for (const placement of placements.toSorted((a, b) => a.cell.localeCompare(b.cell))) {
    placement.state = 'released'
    await releaseCapacity(em, placement)
  }
  const destroyed = await destroyTenantKey(em, tenant.id)
  return destroyed ? [{ type: 'TENANCY_KEY_DESTROYED', ...by(operation), data: {} }] : []
}

async function fall(
  em: EntityManager,
  tenant: TenantRow,
  operation: OperationRow,
  outcome: 'failed' | 'aborted' | 'stalled',
  error: OperationError | undefined,
): Promise<NewEvent[]> {
  const { failsTo } = lifecycle[operation.kind]
  const message = error?.message ?? 'undone on request'
  const attention = outcome === 'stalled' || (error?.unresolved ?? []).length > 0
  if (attention) await raiseCondition(em, tenant, 'NeedsAttention', { reason: error?.code ?? 'internal', message })
  else clearCondition(tenant, 'NeedsAttention')
  const events = outcome === 'stalled' || failsTo === 'keeps' ? [] : enterState(tenant, failsTo, operation)
  const ended =
    outcome === 'stalled'
      ? { state: 'interrupted' as const, phase: 'stalled' }
      : { state: outcome, phase: 'done', finishedAt: databaseNow() }
  touch(operation, { ...ended, error: error ?? null })
  const type =
    outcome === 'aborted'
      ? 'TENANCY_OPERATION_ABORTED'
      : outcome === 'stalled'
        ? 'TENANCY_OPERATION_INTERRUPTED'
        : 'TENANCY_OPERATION_FAILED'
  return [
    ...events,
    { type, ...by(operation), data: { kind: operation.kind, ...(error === undefined ? {} : { error }) } },
  ]
}

function enterState(tenant: TenantRow, to: TenantState, operation: OperationRow): NewEvent[] {
  const from = tenant.state
  if (from === to) return []
  tenant.state = to
  tenant.updatedAt = databaseNow()
  return [{ type: 'TENANCY_STATE_CHANGED', ...by(operation), data: { from, to } }]
}

function by(operation: OperationRow) {
  return { actor, operationId: operation.id, correlationId: operation.correlationId }
}

function touch(operation: OperationRow, changes: Partial<OperationRow>): void {
  Object.assign(operation, changes, { revision: operation.revision + 1, updatedAt: databaseNow() })
}
