/** Something with work to do at a time; `deadline` in ms since 1970, Infinity for never. */
export type Expiring = { readonly deadline: number; expire: () => void }

/** How late an expiry may be noticed (ms). */
const resolution = 50

/** Calls `expire` on what it watches when it is due. Runs no timer while nothing has a deadline. */
export class Ticker {
  readonly #watched = new Set<Expiring>()
  readonly #now: () => number
  readonly #failed: (error: unknown) => void
  #timer: NodeJS.Timeout | undefined

  constructor(now: () => number, failed: (error: unknown) => void) {
    this.#now = now
    this.#failed = failed
  }

  watch(expiring: Expiring): void {
    this.#watched.add(expiring)
    this.#timer ??= setInterval(() => this.#tick(), resolution)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#watched.clear()
  }

  #tick(): void {
    for (const expiring of this.#watched) {
      try {
        if (expiring.deadline <= this.#now()) expiring.expire()
        if (expiring.deadline === Infinity) this.#watched.delete(expiring)
      } catch (error) {
        this.#failed(error)
      }
    }
    if (this.#watched.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
