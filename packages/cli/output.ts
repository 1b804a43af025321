import Table from 'cli-table3'
import { stringify } from 'yaml'
import type { Sink } from './io.ts'
import { plain } from './text.ts'

export const formats = ['table', 'json', 'yaml'] as const
export type Format = (typeof formats)[number]

type Cell = string | number | null | undefined
type Rows = readonly (readonly Cell[])[]

const gap = '  '
const columnsOnly = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: gap,
}

/** Columns for people: `head` in capitals, an empty cell as a dash. */
export function table(head: readonly string[], rows: Rows): string {
  const made = new Table({
    chars: columnsOnly,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  if (head.length > 0) made.push(head.map((title) => title.toUpperCase()))
  for (const row of rows) made.push(row.map(text))
  return made
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

/**
 * A table whose columns stand in the order of their weight: on a terminal, the last ones that have no room are left out
 * and named below, because wrapped lines cannot be read. Elsewhere it is whole.
 */
export function listTable({ isTTY, columns }: Sink, head: readonly string[], rows: Rows): string {
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => text(row[at]).length)))
  const ends = widths.map((_, at) => widths.slice(0, at + 1).reduce((sum, width) => sum + width + gap.length, 0))
  const room = isTTY && columns ? columns + gap.length : Infinity
  const shown = Math.max(2, ends.filter((end) => end <= room).length)
  const made = table(
    head.slice(0, shown),
    rows.map((row) => row.slice(0, shown)),
  )
  const hidden = head.slice(shown).join(', ')
  return hidden === '' ? made : `${made}\n(no room for: ${hidden}; --output yaml shows all)`
}

function text(cell: Cell): string {
  return plain(String(cell ?? '')) || '-'
}

/**
 * Writes `data` as JSON or YAML, or what `forPeople` makes of it. What could take a terminal over becomes visible escapes, which in
 * JSON say the same; YAML for a program is left as it is.
 */
export function print(sink: Sink, format: Format, data: unknown, forPeople: () => string): void {
  const answer = format === 'json' ? JSON.stringify(data, null, 2) : format === 'yaml' ? stringify(data) : forPeople()
  const safe = format === 'yaml' && !sink.isTTY ? answer : answer.split('\n').map(plain).join('\n')
  sink.write(safe.endsWith('\n') ? safe : `${safe}\n`)
}

/** A point in time as `2026-11-20 14:03:07` (UTC), empty for none. */
export function time(value: string | null | undefined): string {
  return value ? value.slice(0, 19).replace('T', ' ') : ''
}
