import { FreeholdError } from '../domain/errors.ts'
import type { EventType } from '../domain/events.ts'
import type { JsonObject } from '../domain/json.ts'
import { assertTransition, lifecycle } from '../domain/lifecycle.ts'
import type { OperationKind } from '../domain/operation.ts'
import { Operation, type OperationRow } from '../registry/entities/operation.ts'
import type { TenantRow } from '../registry/entities/tenant.ts'
import { databaseNow } from '../registry/entities/types.ts'
import { appendEvents } from '../registry/events.ts'
import { findOperation, isOpen, newestOperation } from '../registry/operations.ts'
import type { EntityManager } from '../registry/orm.ts'
import { findTenant } from '../registry/tenants.ts'
import { lockTenant, type Accepted, type Call } from './command.ts'
import type { ApiDeps } from './deps.ts'
import { operationView, type OperationView } from './views.ts'

type Answer = Accepted<{ operation: OperationView }>
type Reason = string | undefined

/**
 * Accepts a command for a tenant that exists. Throws `operation_in_progress` while another operation holds the tenant,
 * and `transition_not_allowed` by the lifecycle table.
 */
export async function startOperation(
  em: EntityManager,
  deps: ApiDeps,
  call: Call,
  wanted: { tenant: string; kind: OperationKind; reason: Reason; parameters?: JsonObject },
): Promise<Answer> {
  const tenant = await lockTenant(em, call, wanted.tenant)
  const newest = await newestOperation(em, tenant.id)
  if (newest !== null && isOpen(newest.state))
    throw new FreeholdError(
      'operation_in_progress',
      `operation ${newest.id} (${newest.kind}, ${newest.state}) holds tenant ${tenant.slug}; wait for it or abort it`,
      { facts: { operationId: newest.id, kind: newest.kind, state: newest.state } },
    )
  assertTransition(wanted.kind, tenant.state)
  const operation = em.create(Operation, {
    tenant: tenant.id,
    kind: wanted.kind,
    generation: tenant.generation,
    parameters: wanted.parameters ?? {},
    actor: call.actor,
    reason: wanted.reason ?? null,
    correlationId: call.correlationId,
  })
  await em.flush()
  await note(em, call, operation, 'TENANCY_OPERATION_ACCEPTED', wanted.reason)
  return answer(deps, tenant, operation, { start: true })
}

/** Another attempt, forward, at the newest operation when it was interrupted or failed. Throws `operation_not_open`. */
export async function retryOperation(
  em: EntityManager,
  deps: ApiDeps,
  call: Call,
  idOrSlug: string,
  reason: Reason,
): Promise<Answer> {
  const { tenant, operation } = await lockNewest(em, call, idOrSlug)
  if (operation.state !== 'interrupted' && operation.state !== 'failed')
    throw notOpen(operation, 'retry is possible for one that was interrupted or failed')
  Object.assign(operation, { intent: 'forward', error: null, finishedAt: null })
  beginAgain(operation)
  await em.flush()
  await note(em, call, operation, 'TENANCY_OPERATION_RETRIED', reason)
  return answer(deps, tenant, operation, { start: true })
}

/**
 * Asks for the newest operation to be undone. One that runs is told to; one that was interrupted begins again to undo.
 * Throws `operation_not_open`, and `transition_not_allowed` for a kind that only goes forward.
 */
export async function abortOperation(
  em: EntityManager,
  deps: ApiDeps,
  call: Call,
  idOrSlug: string,
  reason: Reason,
): Promise<Answer> {
  const { tenant, operation } = await lockNewest(em, call, idOrSlug)
  if (!isOpen(operation.state)) throw notOpen(operation, 'abort is possible for one that is open')
  if (lifecycle[operation.kind].cannotFinish !== 'compensates')
    throw new FreeholdError(
      'transition_not_allowed',
      `${operation.kind} only goes forward and cannot be undone; retry it when it was interrupted`,
      { facts: { operationId: operation.id, kind: operation.kind, state: operation.state } },
    )
  const runs = operation.state === 'running'
  operation.intent = 'compensate'
  if (operation.state === 'interrupted') beginAgain(operation)
  else touch(operation)
  await em.flush()
  await note(em, call, operation, 'TENANCY_OPERATION_ABORT_REQUESTED', reason)
  return answer(deps, tenant, operation, runs ? { cancel: true } : { start: true })
}

/** The operation is locked before the tenant, in the order of the worker's activities, so that nobody waits in a circle. */
async function lockNewest(
  em: EntityManager,
  call: Call,
  idOrSlug: string,
): Promise<{ tenant: TenantRow; operation: OperationRow }> {
  const { id } = await findTenant(em, idOrSlug)
  const newest = await newestOperation(em, id)
  if (newest === null) throw new FreeholdError('operation_not_found', `tenant ${id} has no operation`)
  const operation = await findOperation(em, newest.id, 'lock')
  const tenant = await lockTenant(em, call, id)
  const now = await newestOperation(em, id)
  if (now === null || now.id === operation.id) return { tenant, operation }
  throw new FreeholdError('operation_in_progress', `operation ${now.id} (${now.kind}) was accepted meanwhile`, {
    facts: { operationId: now.id, kind: now.kind, state: now.state },
  })
}

function beginAgain(operation: OperationRow): void {
  operation.state = 'accepted'
  operation.phase = 'accepted'
  operation.attempt += 1
  touch(operation)
}

function touch(operation: OperationRow): void {
  operation.revision += 1
  operation.updatedAt = databaseNow()
}

function notOpen({ id, kind, state }: OperationRow, hint: string): FreeholdError {
  return new FreeholdError('operation_not_open', `the newest operation ${id} (${kind}) is ${state}; ${hint}`, {
    facts: { operationId: id, kind, state },
  })
}

async function note(
  em: EntityManager,
  call: Call,
  operation: OperationRow,
  type: EventType,
  reason: Reason,
): Promise<void> {
  const { id, kind, generation, attempt } = operation
  await appendEvents(em, operation.tenant, [
    {
      type,
      actor: call.actor,
      operationId: id,
      correlationId: call.correlationId,
      data: { kind, generation, attempt, ...(reason === undefined ? {} : { reason }) },
    },
  ])
}

function answer(
  deps: ApiDeps,
  { id: tenant, slug }: TenantRow,
  operation: OperationRow,
  tell: { start?: true; cancel?: true },
): Answer {
  const { id, kind, attempt, generation } = operation
  const startable = { id, kind, attempt, tenant, generation, slug }
  return {
    status: 202,
    headers: { Location: `/v1/operations/${id}` },
    body: { operation: operationView(operation, slug, deps) },
    ...(tell.start === true ? { start: startable } : {}),
    ...(tell.cancel === true ? { cancel: startable } : {}),
  }
}
