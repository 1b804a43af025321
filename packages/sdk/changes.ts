/** What guards a change of a tenant. */
export type ChangeOptions = {
  /** The generation that the tenant must have, as `tenant.generation` was when it was read. */
  readonly ifMatch?: number
  /** The same change under the same key takes effect once. Default: a key of its own for each call. */
  readonly idempotencyKey?: string
}
export type Reasoned = ChangeOptions & {
  /** For the audit trail. */
  readonly reason?: string | undefined
}

/** The headers that guard a change; the transport adds an idempotency key where none is given. */
export function guards({ ifMatch, idempotencyKey }: ChangeOptions) {
  return {
    header: {
      ...(ifMatch === undefined ? {} : { 'If-Match': `"${ifMatch}"` }),
      ...(idempotencyKey === undefined ? {} : { 'Idempotency-Key': idempotencyKey }),
    },
  }
}

/** The reason of a change, as a part of its body. */
export function because({ reason }: Reasoned) {
  return reason === undefined ? {} : { reason }
}
