/** Where a try was when it failed: at the login, before the work began, in it, or after COMMIT was sent. */
export type Stage = 'connect' | 'enter' | 'work' | 'commit'

/**
 * What follows from a failure. `again`: nothing was committed, so the whole transaction runs again where the context says
 * then; `stale` is an epoch that is over for good. `ask`: that depends on whether the gate still lets this epoch in.
 * `unknown`: it may have been committed. `final`: it was not, and another try would end the same.
 */
export type Verdict =
  | { readonly kind: 'again'; readonly stale?: number }
  | { readonly kind: 'ask' | 'unknown' | 'final' }

/** Raised by `freehold.enter`, and by the triggers of a side that was moved away. */
const refused = 'FH010'
const loginRefused = /^28/
/** The server ends the session: by an operator, a time limit, or because it stops. */
const sessionEnded = /^(57P|08|58|25P03|25P04)/
const conflict = /^(40001|40P01)$/
/** What a session without a right on the schema is told: that, or that what it names is not there. */
const rightMissing = /^(42501|3F000|42P01|42883|42704)$/
/** Behind COMMIT, these say nothing about what became of it. */
const noAnswer = /^(57P|08|58|XX)/
/** The function of the gate, or the table of keys, is not there. */
const notPrepared = /^(42883|42P01)$/

/**
 * Judges what a try failed with.
 * @param epoch the one it had
 * @param isLost whether the connection is gone
 */
export function verdictOf(
  error: unknown,
  stage: Stage,
  { epoch, isLost }: { epoch: number; isLost: boolean },
): Verdict {
  const state = sqlStateOf(error)
  if (stage === 'connect') return { kind: 'again' }
  if (stage === 'commit') {
    if (state === undefined || noAnswer.test(state)) return { kind: 'unknown' }
    return state === refused || conflict.test(state) ? { kind: 'again' } : { kind: 'final' }
  }
  if (state === refused) return { kind: 'again', ...staleBy(error, epoch) }
  if (isLost || (state !== undefined && (sessionEnded.test(state) || conflict.test(state)))) return { kind: 'again' }
  if (stage === 'work') return { kind: state !== undefined && rightMissing.test(state) ? 'ask' : 'final' }
  // Statements of our own fail only by the side they are sent to.
  return { kind: state !== undefined && notPrepared.test(state) ? 'final' : 'again' }
}

/** Whether a login was refused, so that its credential may be an old one. */
export function isLoginRefused(error: unknown): boolean {
  return loginRefused.test(sqlStateOf(error) ?? '')
}

/** Whether it is no more than another transaction that was in the way: where the tenant lives has nothing to do with it. */
export function isConflict(error: unknown): boolean {
  return conflict.test(sqlStateOf(error) ?? '')
}

/** The SQLSTATE in an error, or in what it was caused by: what asks the database through a library gets it wrapped. */
export function sqlStateOf(error: unknown): string | undefined {
  for (let one = error, depth = 0; one instanceof Error && depth < 5; one = one.cause, depth += 1)
    // Only errors of the server have both; the codes of Node's own are no SQLSTATE.
    if ('code' in one && typeof one.code === 'string' && 'severity' in one) return one.code
  return undefined
}

/** What the gate says of the side, when that is further than this epoch: no context with this epoch leads anywhere again. */
function staleBy(error: unknown, epoch: number): { stale?: number } {
  const detail = error instanceof Error && 'detail' in error ? error.detail : undefined
  if (typeof detail !== 'string') return {}
  try {
    const side: unknown = JSON.parse(detail)
    const further = typeof side === 'object' && side !== null && 'epoch' in side ? Number(side.epoch) : epoch
    return further > epoch ? { stale: epoch } : {}
  } catch {
    return {}
  }
}
