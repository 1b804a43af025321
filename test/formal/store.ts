/**
 * A set of packed states in the order in which they came. A state is so many 32-bit words; its number is its place. Open
 * addressing over one flat array, because millions of strings in a `Set` cost ten times the memory.
 */
export class Store {
  readonly width: number
  size = 0
  #words: Int32Array
  #slots = new Int32Array(1 << 12).fill(-1)

  constructor(width: number) {
    this.width = width
    this.#words = new Int32Array(width << 11)
  }

  /** The number of this state, which is `size` of before when it is new. */
  add(state: Int32Array): number {
    if (this.size * 2 >= this.#slots.length) this.#grow()
    const mask = this.#slots.length - 1
    for (let slot = hash(state, 0, this.width) & mask; ; slot = (slot + 1) & mask) {
      const number = this.#slots[slot] ?? -1
      if (number === -1) {
        this.#slots[slot] = this.size
        this.#words.set(state, this.size * this.width)
        this.size += 1
        return this.size - 1
      }
      if (this.#equals(number, state)) return number
    }
  }

  /** Copies the state with this number into `target`. */
  read(number: number, target: Int32Array): void {
    const start = number * this.width
    for (let index = 0; index < this.width; index += 1) target[index] = this.#words[start + index] ?? 0
  }

  #equals(number: number, state: Int32Array): boolean {
    const start = number * this.width
    for (let index = 0; index < this.width; index += 1) if (this.#words[start + index] !== state[index]) return false
    return true
  }

  #grow(): void {
    const words = new Int32Array(this.#words.length * 2)
    words.set(this.#words)
    this.#words = words
    this.#slots = new Int32Array(this.#slots.length * 2).fill(-1)
    const mask = this.#slots.length - 1
    for (let number = 0; number < this.size; number += 1) {
      let slot = hash(words, number * this.width, this.width) & mask
      while (this.#slots[slot] !== -1) slot = (slot + 1) & mask
      this.#slots[slot] = number
    }
  }
}

function hash(words: Int32Array, start: number, width: number): number {
  let sum = 0
  for (let index = 0; index < width; index += 1) {
    sum = Math.imul(sum ^ (words[start + index] ?? 0), 0x9e3779b1)
    sum ^= sum >>> 15
  }
  return sum >>> 0
}
