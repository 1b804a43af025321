import type { BrokerError } from './errors.ts'
import { errors } from './errors.ts'
import type { Grant, Right } from './sas.ts'
import { covers } from './sas.ts'
import type { Ticker } from './ticker.ts'

/** A link that needs a right on a path (lower case) as long as it is open. */
type Guarded = { path: string; right: Right | undefined; detach: (error: BrokerError) => void }

/** What one connection has been granted by its tokens. Links whose grants ran out are closed. */
export class Authorizations {
  readonly #ticker: Ticker
  readonly #now: () => number
  readonly #links = new Set<Guarded>()
  #grants: Grant[] = []

  constructor(ticker: Ticker, now: () => number) {
    this.#ticker = ticker
    this.#now = now
  }

  get deadline(): number {
    return this.#grants.reduce((least, grant) => Math.min(least, grant.expiresAt), Infinity)
  }

  /** Takes what a verified token gives; it replaces what an earlier one gave for the same path. */
  put(grant: Grant): void {
    this.#grants = [...this.#grants.filter((each) => each.path !== grant.path), grant]
    this.#ticker.watch(this)
  }

  /** Throws `unauthorized` unless a grant covers the path with the right (undefined: with any). */
  require(path: string, right: Right | undefined): void {
    const allowed = this.#grants.some(
      (grant) => grant.expiresAt > this.#now() && covers(grant.path, path) && (!right || grant.rights.includes(right)),
    )
    if (!allowed) throw errors.unauthorized(`'${right ?? 'Any'}' claim(s) are required on '${path}'.`)
  }

  /** Checks a link and keeps checking it. Gives a function that ends this. Throws `unauthorized`. */
  guard(link: Guarded): () => void {
    this.require(link.path, link.right)
    this.#links.add(link)
    return () => this.#links.delete(link)
  }

  /** Drops the grants that ran out and closes the links that nothing covers any more. */
  expire(): void {
    this.#grants = this.#grants.filter((grant) => grant.expiresAt > this.#now())
    for (const link of this.#links) {
      try {
        this.require(link.path, link.right)
      } catch (error) {
        this.#links.delete(link)
        link.detach(error as BrokerError)
      }
    }
  }

  /** The connection is gone. */
  clear(): void {
    this.#grants = []
    this.#links.clear()
  }
}
