import type { JsonObject } from './json.ts'

/** The catalogue of events: what can be said of a tenant, and of the platform. Additive only. */
export const eventTypes = {
  TENANCY_TENANT_ACCEPTED: 'a manifest was accepted and the tenant exists',
  TENANCY_MANIFEST_ACCEPTED: 'a changed manifest of a tenant that exists was accepted',
  TENANCY_MANIFEST_IN_FORCE: 'a changed manifest took the place of the one before',
  TENANCY_MANIFEST_EXPORTED: 'somebody was given the manifest of a tenant, its contacts too',
  TENANCY_OPERATION_ACCEPTED: 'a command was accepted',
  TENANCY_OPERATION_DUE: 'the time of a scheduled operation has come, and it was accepted',
  TENANCY_OPERATION_STARTED: 'a workflow began to carry out an operation',
  TENANCY_OPERATION_RETRIED: 'an operator asked for another attempt',
  TENANCY_OPERATION_ABORT_REQUESTED: 'an operator asked to undo an operation',
  TENANCY_OPERATION_INTERRUPTED: 'a workflow was closed from outside without an outcome',
  TENANCY_OPERATION_SUCCEEDED: 'an operation reached its goal',
  TENANCY_OPERATION_FAILED: 'an operation failed and was undone as far as the result says',
  TENANCY_OPERATION_ABORTED: 'an operation was undone on request',
  TENANCY_STATE_CHANGED: 'the state of a tenant changed',
  TENANCY_PLACEMENT_CHANGED: 'placements of a tenant were opened, closed or released, or got a new epoch',
  TENANCY_RESOURCE_PLANNED: 'a resource was entered in the ledger',
  TENANCY_RESOURCE_REWRITTEN: 'an entry of the ledger was described anew by a newer version',
  TENANCY_RESOURCE_CREATED: 'a resource exists',
  TENANCY_RESOURCE_CHANGED: 'a resource got other properties',
  TENANCY_RESOURCE_CLOSED: 'a resource was closed to its tenant',
  TENANCY_RESOURCE_OPENED: 'a resource was opened to its tenant',
  TENANCY_RESOURCE_REMOVED: 'a resource was removed',
  TENANCY_RESOURCE_EXPORTED: 'what a resource holds was written to an archive',
  TENANCY_ARCHIVE_VERIFIED: 'an archive was read back and is what was written',
  TENANCY_RESOURCE_IMPORTED: 'what an archive holds was brought back into a resource',
  TENANCY_RESOURCE_COMPARED: 'a resource was found to be what was archived',
  TENANCY_SCHEMA_MIGRATED: 'a tenant database reached a version',
  TENANCY_RELOCATION_ADVANCED: 'a move reached its next phase',
  TENANCY_KEY_CREATED: 'the key of a tenant was made',
  TENANCY_KEY_ROTATED: 'the master key of a tenant was replaced',
  TENANCY_KEY_DESTROYED: 'the key of a tenant was destroyed',
  TENANCY_CREDENTIALS_READ: 'somebody was given credentials of a tenant',
  TENANCY_CREDENTIALS_ROTATED: 'the credentials of a tenant were renewed',
  TENANCY_LEGAL_HOLD_SET: 'a tenant must not be deleted or purged from now on',
  TENANCY_LEGAL_HOLD_LIFTED: 'a tenant may be deleted and purged again',
  TENANCY_REPORT_ISSUED: 'what was proven of an archive, or of a restore, was kept as a report',
  TENANCY_CERTIFICATE_ISSUED: 'the deletion of a tenant was certified',
  TENANCY_DENIED: 'a command was denied by policy or by the governance endpoint',
  TENANCY_GOVERNANCE_UNANSWERED: 'the governance endpoint gave no answer, and a command went on without one',
  TENANCY_POLICY_CHANGED: 'the rules of the policy were changed',
  TENANCY_SECRET_PUT: 'a secret of the platform was stored, or replaced',
  TENANCY_SECRET_DELETED: 'a secret of the platform was deleted',
  TENANCY_CELL_CHANGED: 'a cell was added or changed',
  TENANCY_SIGNING_KEY_ADDED: 'the platform signs with another key from now on',
  TENANCY_CHECKPOINT_MADE: 'the heads of all streams were signed',
  TENANCY_API_KEY_CREATED: 'an API key was made',
  TENANCY_API_KEY_REVOKED: 'an API key lets nobody in any more',
} as const
export type EventType = keyof typeof eventTypes

/** Who did it: an API key (`key:<name>`) or a part of Freehold (`system:<part>`). */
export type Actor = `key:${string}` | `system:${string}`

/** What is said; the registry adds id, sequence, time and hash. `data` holds no sensitive field and no secret. */
export type NewEvent = {
  readonly type: EventType
  readonly actor: Actor
  readonly operationId?: string
  readonly correlationId?: string
  readonly data: JsonObject
}

/** The stream of what belongs to no tenant. */
export const platformStream = 'platform'
