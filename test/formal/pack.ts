import { type State, visit } from './state.ts'

/** Packs a state into words and back. One for each search, for it works on memory of its own. */
export function packer(state: State) {
  let [word, used] = [0, 0]
  let words: Uint32Array = new Uint32Array(0)
  const next = (bits: number) => {
    if (used + bits > 32) {
      word += 1
      used = 0
    }
    used += bits
    return used - bits
  }
  const measure = (value: number, bits: number) => {
    next(bits)
    return value
  }
  const write = (value: number, bits: number) => {
    const shift = next(bits)
    if (shift === 0) words[word] = value
    else words[word] = (words[word] ?? 0) | (value << shift)
    return value
  }
  const read = (_: number, bits: number) => {
    const shift = next(bits)
    return ((words[word] ?? 0) >>> shift) & ((1 << bits) - 1)
  }
  const walk = (field: typeof read, on: Uint32Array) => {
    word = 0
    used = 0
    words = on
    visit(state, field)
  }
  walk(measure, words)
  return {
    width: word + 1,
    pack: (target: Uint32Array) => walk(write, target),
    unpack: (source: Uint32Array) => walk(read, source),
  }
}
