const retries = {
  /** COMMIT was sent, and no answer came: the transaction may have been committed, or not. */
  outcome_unknown: false,
  /** It was rolled back, though the work threw nothing: the work let an error of a statement pass, or ended the transaction. */
  rolled_back: false,
  /** The tenant is not active, as the API says it of its credentials. */
  transition_not_allowed: false,
  /** The database has no gate or no table of keys: it was prepared by an older release. */
  configuration_invalid: false,
  /** No side that is open was found in the time there was. */
  substrate_unavailable: true,
} as const

/** What a tenant's database refuses by itself; what has a code of the product has the same here. */
export class TenantDatabaseError extends Error {
  override readonly name = 'TenantDatabaseError'
  /** What programs branch on. */
  readonly code: keyof typeof retries
  /** Whether the same call may succeed later unchanged. */
  readonly retry: boolean
  /** Facts for programs, such as the state of the tenant. */
  readonly facts: Readonly<Record<string, unknown>>

  constructor(
    code: keyof typeof retries,
    message: string,
    { facts = {}, cause }: { facts?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, { cause })
    this.code = code
    this.retry = retries[code]
    this.facts = facts
  }
}
