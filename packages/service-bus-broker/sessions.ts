import { errors } from './errors.ts'

/** Who holds a session; compared by identity. */
export type SessionOwner = { readonly sessionLost: (sessionId: string) => void }

/** What a subscription's sessions need of their surroundings; `saved` records an application's state (undefined: none). */
export type SessionPorts = {
  now: () => number
  lockDuration: () => number
  saved: (sessionId: string, state: Buffer | undefined) => void
}

type SessionLock = { owner: SessionOwner; until: number }

/** The sessions of one subscription: who holds which until when, and the state applications keep in them. No I/O. */
export class Sessions {
  readonly #locks = new Map<string, SessionLock>()
  readonly #states: Map<string, Buffer>
  readonly #ports: SessionPorts

  /** `states` are what applications stored earlier. */
  constructor(ports: SessionPorts, states: Map<string, Buffer>) {
    this.#ports = ports
    this.#states = states
  }

  /** When the first session lock runs out (ms), or Infinity. */
  get deadline(): number {
    return [...this.#locks.values()].reduce((least, lock) => Math.min(least, lock.until), Infinity)
  }

  isLocked(sessionId: string): boolean {
    return (this.#locks.get(sessionId)?.until ?? 0) > this.#ports.now()
  }

  /** Locks a session and gives the lock's end (ms). Throws `session-cannot-be-locked`. */
  lock(sessionId: string, owner: SessionOwner): number {
    if (this.#locks.has(sessionId)) throw errors.sessionCannotBeLocked(sessionId)
    const until = this.#ports.now() + this.#ports.lockDuration()
    this.#locks.set(sessionId, { owner, until })
    return until
  }

  /** The end (ms) of a session's lock. Throws `session-lock-lost` when nobody holds it. */
  lockedUntil(sessionId: string): number {
    const lock = this.#locks.get(sessionId)
    if (!lock || lock.until <= this.#ports.now()) throw errors.sessionLockLost(sessionId)
    return lock.until
  }

  /** Renews a lock and gives its new end (ms). Throws `session-lock-lost`. */
  renew(sessionId: string): number {
    this.lockedUntil(sessionId)
    const lock = this.#locks.get(sessionId)
    if (!lock) throw errors.sessionLockLost(sessionId)
    lock.until = this.#ports.now() + this.#ports.lockDuration()
    return lock.until
  }

  /** Frees a session; false if this owner does not hold it. */
  release(sessionId: string, owner: SessionOwner): boolean {
    return this.#locks.get(sessionId)?.owner === owner && this.#locks.delete(sessionId)
  }

  /** Takes out the locks that ran out, so that their owners can be told. */
  takeExpired(): { sessionId: string; owner: SessionOwner }[] {
    const expired = [...this.#locks].filter(([, lock]) => lock.until <= this.#ports.now())
    return expired.map(([sessionId, { owner }]) => (this.#locks.delete(sessionId), { sessionId, owner }))
  }

  /** The application's state of a session. */
  state(sessionId: string): Buffer | undefined {
    return this.#states.get(sessionId)
  }

  /** Sets or (undefined) clears the application's state. Throws `session-lock-lost` when nobody holds the session. */
  setState(sessionId: string, state: Buffer | undefined): void {
    this.lockedUntil(sessionId)
    if (state) this.#states.set(sessionId, state)
    else this.#states.delete(sessionId)
    this.#ports.saved(sessionId, state)
  }
}
