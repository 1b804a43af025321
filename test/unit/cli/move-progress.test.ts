import { expect, test } from 'vitest'
import { moveProgress, size } from '../../../packages/cli/move-progress.ts'
import { progress } from '../../../packages/cli/progress.ts'
import { operation, relocation } from './support.ts'

const MiB = 1024 ** 2
const copying = (bytes: number, more = {}) =>
  relocation({ phase: 'copy', progress: { table: 'orders', bytes: bytes * MiB, bytesInAll: 100 * MiB, ...more } })

test('a copy is told with its table, bytes of all, rows, rate and the time that is left', () => {
  let now = 0
  const tell = moveProgress(() => now)
  expect(tell(copying(10)).text).toBe('copy: orders, 10.0 MiB of about 100.0 MiB')
  now = 2_000
  expect(tell(copying(30, { rows: 12_345 })).text).toBe(
    'copy: orders, 30.0 MiB of about 100.0 MiB, 12,345 rows, 10.0 MiB/s, 7 s left',
  )
})

test('the rate is that of the last seconds, and of a copy that is begun anew only that', () => {
  let now = 0
  const tell = moveProgress(() => now)
  const at = (second: number, bytes: number) => {
    now = second * 1_000
    return tell(copying(bytes)).text
  }
  at(0, 0)
  at(1, 40)
  expect(at(7, 42)).not.toContain('/s')
  expect(at(8, 43)).toContain('1.0 MiB/s, 57 s left')
  expect(at(9, 1)).not.toContain('/s')
  expect(at(10, 2)).toContain('1.0 MiB/s, 1 min 38 s left')
})

test('what is no copy has no rate, and what a newer API tells otherwise is no fault', () => {
  const told = (phase: string, more: Record<string, unknown> = {}) =>
    moveProgress()(relocation({ phase, progress: more })).text
  expect(told('prepare', { bytes: 1, bytesInAll: 2 })).toBe('prepare')
  expect(told('verify', { table: 'orders', count: 2, all: 7 })).toBe('verify: 2 of 7 tables, orders')
  expect(told('verify', { waitsFor: 'approval' })).toBe('verify')
  expect(told('ready', { waitsFor: 'approval' })).toBe('ready: the cut waits for approval')
  expect(told('ready', { waitsFor: 'window' })).toBe('ready: the cut waits for its window')
  expect(told('copy', { bytes: 'many', table: 7 })).toBe('copy')
})

test('more bytes than were estimated are no less than nothing left', () => {
  let now = 0
  const tell = moveProgress(() => now)
  tell(copying(90))
  now = 1_000
  expect(tell(copying(150)).text).toContain('150.0 MiB of about 150.0 MiB, 60.0 MiB/s, 0 s left')
})

test('sizes are for people', () => {
  expect([0, 1023, 1024, 1.5 * MiB, 2048 * 1024 * MiB].map(size)).toEqual([
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 MiB',
    '2.0 TiB',
  ])
})

/** What is written for these looks at a move. */
function written(sink: { isTTY?: boolean; columns?: number; rows?: number }, looks: number[]): string {
  let text = ''
  const { show } = progress({ ...sink, write: (part: string) => (text += part) }, { redraw: true })
  const tell = moveProgress(() => 0)
  for (const bytes of looks) show(operation({ kind: 'relocate' }), tell(copying(bytes)))
  return text
}

test('in a pipe a tenth of the copy is a line, and nothing is drawn anew', () => {
  const text = written({}, [1, 2, 11, 12, 13, 95])
  expect(text).not.toContain('\x1b')
  expect(text.match(/copy: orders, \S+ MiB/g)).toEqual([
    'copy: orders, 1.0 MiB',
    'copy: orders, 11.0 MiB',
    'copy: orders, 95.0 MiB',
  ])
})

test('on a narrow terminal no line is longer than it, so that what is drawn anew is what was drawn', () => {
  const text = written({ isTTY: true, columns: 30 }, [1, 2])
  const lines = text.split('\x1b[3A\x1b[J')
  expect(lines).toHaveLength(2)
  for (const line of lines.flatMap((drawn) => drawn.split('\n'))) expect(line.length).toBeLessThan(30)
  expect(lines.at(-1)).toContain('copy: orders, 2.0 MiB')
})

test('on a terminal that is too low for it, lines are told', () => {
  expect(written({ isTTY: true, columns: 80, rows: 4 }, [1, 2])).not.toContain('\x1b')
})
