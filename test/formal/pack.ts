/**
 * Packs a state into 32-bit words, or unpacks one. It is one class with one way for both, because the search spends most of
 * its time here, and what is called from one place with one type is what the engine makes fast.
 */
export class Packer {
  #words: Int32Array = new Int32Array(0)
  #reads = false
  #word = 0
  #used = 0

  /** From here on fields are read from these words, or written to them. */
  begin(words: Int32Array, reads: boolean): void {
    this.#words = words
    this.#reads = reads
    this.#word = 0
    this.#used = 0
  }

  /** Writes a field of so many bits and gives it back, or reads it. */
  field(value: number, bits: number): number {
    if (this.#used + bits > 32) {
      this.#word += 1
      this.#used = 0
    }
    if (this.#word >= this.#words.length) throw new RangeError('a state has more fields than words')
    const shift = this.#used
    this.#used += bits
    const word = this.#words[this.#word] ?? 0
    if (this.#reads) return (word >>> shift) & ((1 << bits) - 1)
    this.#words[this.#word] = shift === 0 ? value : word | (value << shift)
    return value
  }
}
