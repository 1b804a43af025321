import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../../..')
const rows = readFileSync(join(root, 'docs/failures.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (what happens|seen in) \|/.test(line))
  .map((line) => line.slice(2, -2).split(/ ?\| ?/))
const named = rows.map((cells) => ({ file: (cells.at(-2) ?? '').replaceAll('`', ''), title: cells.at(-1) ?? '' }))
const built = named.filter(({ file }) => file !== '-')

test('every row names its test, but those of what is not built yet', () => {
  expect(rows.length).toBeGreaterThan(40)
  expect(rows.length - built.length).toBeLessThanOrEqual(3)
  expect(named.filter(({ file, title }) => file === '' || title === '')).toEqual([])
})

test.each(built)('$file: $title', ({ file, title }) => {
  expect(existsSync(join(root, file))).toBe(true)
  const text = readFileSync(join(root, file), 'utf8')
  expect([`'${title}'`, `\`${title}\``].some((quoted) => text.includes(quoted))).toBe(true)
})
