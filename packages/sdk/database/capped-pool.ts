import pg from 'pg'
import { TenantDatabaseError } from './tenant-database-error.ts'

/** A login to a side. `group` is what the connections of one environment are counted by, whichever side they go to. */
export type Login = { readonly group: string; readonly side: string; readonly url: string }

export type Caps = {
  /** Connections in all. */
  readonly maxConnections: number
  /** Connections of one environment of a tenant. */
  readonly connectionsPerTenant: number
  /** How long one may be idle before it is closed. */
  readonly idleMs: number
}

/** A connection that somebody has for a while. */
export type Lease = {
  readonly client: pg.Client
  /** Whether the connection is gone. */
  isLost(): boolean
  /** Gives it back; `discard` closes it instead. */
  release(discard?: boolean): void
}

type Entry = {
  readonly group: string
  readonly side: string
  readonly client: pg.Client
  state: 'busy' | 'idle' | 'closing'
  isLost: boolean
  /** To be closed when it is given back. */
  isUnwanted: boolean
  timer?: NodeJS.Timeout
}

type Waiter = {
  readonly login: Login
  readonly resolve: (lease: Lease) => void
  readonly reject: (error: unknown) => void
}

const connectMs = 5_000

/**
 * Connections to the databases of many tenants, opened on first use. A connection counts from before its login until it is
 * closed, so that neither cap is ever passed; where a cap is in the way, the one that has been idle longest is closed. Who
 * waits is served in order, but nobody waits for a tenant that has all it may.
 */
export class CappedPool {
  readonly #caps: Caps
  readonly #entries = new Set<Entry>()
  /** In order of arrival. */
  readonly #waiting = new Set<Waiter>()
  #isClosed = false
  #whenEmpty: (() => void) | undefined

  constructor(caps: Caps) {
    this.#caps = caps
  }

  /**
   * Gives a connection. Throws what the login failed with, the reason of `signal`, and TenantDatabaseError
   * (`substrate_unavailable`) when none is free in `waitMs` or the pool is closed.
   */
  async acquire(login: Login, { waitMs, signal }: { waitMs: number; signal: AbortSignal | undefined }): Promise<Lease> {
    signal?.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<Lease>()
    const waiter = { login, resolve, reject }
    const leave = (error: unknown) => {
      if (this.#waiting.delete(waiter)) reject(error)
    }
    const busy = () => leave(new TenantDatabaseError('substrate_unavailable', 'no connection was free in time'))
    const abort = () => leave(signal?.reason)
    const timer = setTimeout(busy, Math.max(waitMs, 1))
    signal?.addEventListener('abort', abort, { once: true })
    this.#waiting.add(waiter)
    this.#serve()
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
  }

  /** Closes what an environment has elsewhere: what is idle now, what is busy when it is given back. */
  keepOnly({ group, side }: Pick<Login, 'group' | 'side'>): void {
    for (const entry of this.#entries)
      if (entry.group === group && entry.side !== side) {
        entry.isUnwanted = true
        if (entry.state === 'idle') this.#close(entry)
      }
  }

  /** Refuses whoever comes or waits, closes what is idle, and ends when what is busy was given back and is closed. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#serve()
    for (const entry of this.#entries) if (entry.state === 'idle') this.#close(entry)
    if (this.#entries.size === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#whenEmpty = resolve
    await promise
  }

  #serve(): void {
    let closing = [...this.#entries].filter(({ state }) => state === 'closing').length
    for (const waiter of this.#waiting) {
      if (this.#isClosed) {
        this.#waiting.delete(waiter)
        waiter.reject(new TenantDatabaseError('substrate_unavailable', 'the connections were closed'))
        continue
      }
      const { group, side } = waiter.login
      const all = [...this.#entries]
      const free = all.findLast((entry) => entry.state === 'idle' && entry.group === group && entry.side === side)
      if (free !== undefined) {
        this.#waiting.delete(waiter)
        waiter.resolve(this.#lease(free))
        continue
      }
      const own = all.filter((entry) => entry.group === group)
      const isOwnFull = own.length >= this.#caps.connectionsPerTenant
      if (!isOwnFull && all.length < this.#caps.maxConnections) {
        this.#waiting.delete(waiter)
        void this.#open(waiter)
        continue
      }
      // Those that are being closed make room for those who were served before.
      if (closing > 0) {
        closing -= 1
        continue
      }
      const oldest = (isOwnFull ? own : all).find(({ state }) => state === 'idle')
      if (oldest !== undefined) this.#close(oldest)
    }
  }

  async #open({ login: { group, side, url }, resolve, reject }: Waiter): Promise<void> {
    const client = new pg.Client({
      connectionString: url,
      application_name: 'freehold-sdk',
      connectionTimeoutMillis: connectMs,
      keepAlive: true,
    })
    const entry: Entry = { group, side, client, state: 'busy', isLost: false, isUnwanted: false }
    client.on('error', () => this.#lose(entry))
    client.on('end', () => this.#lose(entry))
    this.#entries.add(entry)
    try {
      await client.connect()
      resolve(this.#lease(entry))
    } catch (error) {
      reject(error)
      this.#close(entry)
    }
  }

  #lease(entry: Entry): Lease {
    clearTimeout(entry.timer)
    entry.state = 'busy'
    let isGiven = true
    return {
      client: entry.client,
      isLost: () => entry.isLost,
      release: (discard = false) => {
        if (!isGiven) return
        isGiven = false
        if (discard || entry.isLost || entry.isUnwanted || this.#isClosed) return this.#close(entry)
        entry.state = 'idle'
        // At the end of the set is who was used last.
        this.#entries.delete(entry)
        this.#entries.add(entry)
        entry.timer = setTimeout(() => this.#close(entry), this.#caps.idleMs).unref()
        this.#serve()
      },
    }
  }

  #lose(entry: Entry): void {
    entry.isLost = true
    if (entry.state === 'idle') this.#close(entry)
  }

  #close(entry: Entry): void {
    if (entry.state === 'closing') return
    entry.state = 'closing'
    clearTimeout(entry.timer)
    const gone = () => {
      this.#entries.delete(entry)
      if (this.#entries.size === 0) this.#whenEmpty?.()
      this.#serve()
    }
    entry.client.end().then(gone, gone)
  }
}
