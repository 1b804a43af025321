import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { transitions } from '../../../packages/sdk/index.ts'
import { exitCodeMeanings } from '../../../packages/cli/failures.ts'
import { buildProgram } from '../../../packages/cli/program.ts'

const readme = readFileSync(new URL('../../../packages/cli/README.md', import.meta.url), 'utf8')

test('the README lists every command with what it does and its options, but for plain transitions, and no other', () => {
  const silent = { write: () => true }
  const io = { stdout: silent, stderr: silent, env: {}, cwd: '/', version: '0.0.0' }
  const program = buildProgram(io, () => {})
  const plain: readonly string[] = transitions.map(({ command }) => command)
  const described = program.commands.flatMap((command) =>
    plain.includes(command.name())
      ? []
      : [
          [
            `\`${[command.name(), command.usage().replace('[options]', '').trim()].join(' ').trim()}\``,
            command.description(),
            command.options.map(({ flags }) => `\`${flags}\``).join(', '),
          ],
        ],
  )
  expect(described.length).toBeGreaterThan(7)
  expect(rowsBelow('## Commands')).toEqual(described)
})

test('the README lists every exit code of the help, and no other', () => {
  expect(rowsBelow('## Exit codes')).toEqual(Object.entries(exitCodeMeanings))
})

/** Cells of the first table below a heading, without its head. */
function rowsBelow(heading: string): string[][] {
  const lines = readme.slice(readme.indexOf(`${heading}\n`)).split('\n')
  const start = lines.findIndex((line) => line.startsWith('|'))
  const length = lines.slice(start).findIndex((line) => !line.startsWith('|'))
  const rows = lines.slice(start + 2, start + length)
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}
