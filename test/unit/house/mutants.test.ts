import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { mutants } from '../../../scripts/mutant-list.ts'

const root = join(import.meta.dirname, '../../..')

test.each(mutants)('the mechanism is still there: $name', ({ file, swaps, test: proof, only = '' }) => {
  const text = readFileSync(join(root, file), 'utf8')
  expect(swaps.map(([from]) => text.split(from).length - 1)).toEqual(swaps.map(() => 1))
  expect(existsSync(join(root, proof))).toBe(true)
  expect(readFileSync(join(root, proof), 'utf8')).toContain(nameOf(only))
})

/** A name that a table of cases fills in is not written there as a whole. */
function nameOf(only: string): string {
  return only.startsWith('ensure ') ? '$action $step' : only
}
