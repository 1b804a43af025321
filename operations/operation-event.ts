import type { Actor, EventType, NewEvent } from '../domain/events.ts'
import type { JsonObject } from '../domain/json.ts'
import type { TenantState } from '../domain/lifecycle.ts'
import type { OperationRow } from '../registry/entities/operation.ts'

type Of = Pick<OperationRow, 'id' | 'correlationId'>

/** An event of an operation. */
export function operationEvent(operation: Of, actor: Actor, type: EventType, data: JsonObject): NewEvent {
  return { type, actor, operationId: operation.id, correlationId: operation.correlationId, data }
}

/** The event of a change of state; none when nothing changed. */
export function stateChangeEvents(operation: Of, actor: Actor, from: TenantState, to: TenantState): NewEvent[] {
  return from === to ? [] : [operationEvent(operation, actor, 'TENANCY_STATE_CHANGED', { from, to })]
}
