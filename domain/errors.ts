/**
 * Every error a user of Freehold can meet has a code of this table. Codes are a contract: scripts branch on them, so
 * one is added, never renamed. `status` is the HTTP status of the API's answer, `retry` says whether the same call can
 * succeed later without the caller changing it; activities take it as "Temporal may try again".
 */
export const errorCodes = {
  invalid_request: { status: 400, retry: false },
  malformed_body: { status: 400, retry: false },
  manifest_invalid: { status: 422, retry: false },
  not_available: { status: 422, retry: false },
  isolation_not_available: { status: 422, retry: false },
  profile_not_configured: { status: 422, retry: false },
  plan_not_configured: { status: 422, retry: false },
  region_not_configured: { status: 422, retry: false },
  schema_version_unknown: { status: 422, retry: false },
  field_immutable: { status: 422, retry: false },
  policy_denied: { status: 422, retry: false },
  policy_version_unknown: { status: 404, retry: false },
  policy_version_mismatch: { status: 412, retry: false },
  governance_answer_invalid: { status: 502, retry: false },
  governance_unavailable: { status: 503, retry: true },
  unauthenticated: { status: 401, retry: false },
  forbidden: { status: 403, retry: false },
  not_found: { status: 404, retry: false },
  secret_not_found: { status: 404, retry: false },
  secret_unusable: { status: 422, retry: false },
  secret_in_use: { status: 409, retry: false },
  byoc_address_denied: { status: 422, retry: false },
  byoc_login_refused: { status: 422, retry: false },
  byoc_rights_missing: { status: 422, retry: false },
  tenant_not_found: { status: 404, retry: false },
  operation_not_found: { status: 404, retry: false },
  environment_not_found: { status: 404, retry: false },
  tenant_gone: { status: 410, retry: false },
  method_not_allowed: { status: 405, retry: false },
  slug_taken: { status: 409, retry: false },
  operation_in_progress: { status: 409, retry: true },
  operation_not_open: { status: 409, retry: false },
  confirmation_mismatch: { status: 422, retry: false },
  legal_hold: { status: 409, retry: false },
  delete_protected: { status: 409, retry: false },
  leftovers_found: { status: 409, retry: true },
  transition_not_allowed: { status: 409, retry: false },
  idempotency_conflict: { status: 409, retry: false },
  idempotency_in_progress: { status: 409, retry: true },
  generation_mismatch: { status: 412, retry: false },
  body_too_large: { status: 413, retry: false },
  unsupported_media_type: { status: 415, retry: false },
  cell_exhausted: { status: 409, retry: true },
  bus_exhausted: { status: 409, retry: true },
  network_exhausted: { status: 409, retry: true },
  resource_not_owned: { status: 409, retry: false },
  answer_too_large: { status: 502, retry: false },
  migration_failed: { status: 422, retry: false },
  migration_changed: { status: 409, retry: false },
  archive_damaged: { status: 409, retry: false },
  archive_unsupported: { status: 409, retry: false },
  restore_differs: { status: 409, retry: false },
  relocation_not_found: { status: 404, retry: false },
  relocation_not_possible: { status: 409, retry: false },
  relocation_soaking: { status: 409, retry: false },
  placement_unchanged: { status: 409, retry: false },
  move_unsupported: { status: 409, retry: false },
  move_blocked: { status: 503, retry: true },
  move_stream_broken: { status: 503, retry: true },
  move_schema_changed: { status: 409, retry: true },
  move_rights_missing: { status: 409, retry: false },
  move_waiting: { status: 503, retry: true },
  move_window_over: { status: 409, retry: false },
  move_over_budget: { status: 503, retry: true },
  move_differs: { status: 409, retry: false },
  mover_missing: { status: 409, retry: false },
  operation_superseded: { status: 409, retry: false },
  operation_aborted: { status: 409, retry: false },
  workflow_lost: { status: 409, retry: false },
  step_refused: { status: 403, retry: false },
  step_timed_out: { status: 504, retry: false },
  spec_version_unknown: { status: 409, retry: false },
  configuration_invalid: { status: 500, retry: false },
  secret_unreadable: { status: 500, retry: false },
  registry_unavailable: { status: 503, retry: true },
  substrate_unavailable: { status: 503, retry: true },
  not_ready: { status: 503, retry: true },
  internal: { status: 500, retry: true },
} as const satisfies Record<string, { status: number; retry: boolean }>

export type ErrorCode = keyof typeof errorCodes

/**
 * One place of a bad input: `path` as in `spec.environments.0.name`; `line` and `column` count from 1. Of a denial also the
 * `rule` that is broken; `remedy`: what to do instead.
 */
export type ErrorDetail = {
  path?: string
  message: string
  line?: number
  column?: number
  rule?: string
  remedy?: string
}

/**
 * The one error class of the product. The message says what was wrong, where, and what to do; it is shown to people and
 * stored in histories and events, so it never holds a secret.
 */
export class FreeholdError extends Error {
  readonly code: ErrorCode
  readonly details: readonly ErrorDetail[]
  /** Facts for programs, such as the id of the operation that holds the tenant; no secrets. */
  readonly facts: Readonly<Record<string, unknown>>

  constructor(
    code: ErrorCode,
    message: string,
    more: { details?: readonly ErrorDetail[]; facts?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.name = 'FreeholdError'
    this.code = code
    this.details = more.details ?? []
    this.facts = more.facts ?? {}
  }

  /** HTTP status of this error, by its code. */
  get status(): number {
    return errorCodes[this.code].status
  }

  /** Whether the same call may succeed later unchanged. */
  get retry(): boolean {
    return errorCodes[this.code].retry
  }
}

/** What anything that was thrown says, for a log or a sentence; of an error that joins several, the first. */
export function errorText(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return errorText(error.errors[0])
  return error instanceof Error ? error.message : String(error)
}
