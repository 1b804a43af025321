import type { Entry } from './message.ts'

/** Entries that wait for a receiver, in order of sequence number. Appending and taking the first are O(1). */
export class ReadyList {
  #entries: (Entry | undefined)[] = []
  #head = 0

  get first(): Entry | undefined {
    return this.#entries[this.#head]
  }

  /** Puts an entry at its place: nearly always the end, or near the head for one that comes back. */
  add(entry: Entry): void {
    let at = this.#entries.length
    if (at > this.#head && (this.#entries[at - 1]?.sequence ?? 0) > entry.sequence) {
      at = this.#head
      while ((this.#entries[at]?.sequence ?? Infinity) < entry.sequence) at++
      this.#entries.splice(at, 0, entry)
    } else this.#entries.push(entry)
  }

  /** Takes the first entry out. */
  shift(): Entry | undefined {
    const entry = this.#entries[this.#head]
    if (entry === undefined) return undefined
    this.#entries[this.#head++] = undefined
    if (this.#head > 1024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head)
      this.#head = 0
    }
    return entry
  }

  /** Takes out every entry that `gone` names. */
  drop(gone: ReadonlySet<Entry>): void {
    this.#entries = this.#entries.slice(this.#head).filter((entry) => entry !== undefined && !gone.has(entry))
    this.#head = 0
  }
}
