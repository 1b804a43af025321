import Table from 'cli-table3'
import { stringify } from 'yaml'
import type { Sink } from './io.ts'
import { plain } from './text.ts'

export const formats = ['table', 'json', 'yaml'] as const
export type Format = (typeof formats)[number]

type Cell = string | number | null | undefined
export type Rows = readonly (readonly Cell[])[]

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
  middle: '  ',
}

/** Columns for people: `head` in capitals, an empty cell as a dash. */
export function table(head: readonly string[], rows: Rows): string {
  const made = new Table({
    chars: columnsOnly,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  if (head.length > 0) made.push(head.map((title) => title.toUpperCase()))
  for (const row of rows) made.push(row.map((cell) => plain(String(cell ?? '')) || '-'))
  return made
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

/** Writes `data` as JSON or YAML, or what `forPeople` makes of it. */
export function print(sink: Sink, format: Format, data: unknown, forPeople: () => string): void {
  const text = format === 'json' ? JSON.stringify(data, null, 2) : format === 'yaml' ? stringify(data) : forPeople()
  sink.write(text.endsWith('\n') ? text : `${text}\n`)
}

/** A point in time as `2026-11-20 14:03:07` (UTC), empty for none. */
export function time(value: string | null | undefined): string {
  return value ? value.slice(0, 19).replace('T', ' ') : ''
}
