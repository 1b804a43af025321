import { expect, test } from 'vitest'
import { chartLine, sparkline } from '../../../scripts/demo-move/chart.ts'
import { longestGapMs, medianMs, within } from '../../../scripts/demo-move/figures.ts'

test('a sparkline goes from nothing to the largest of what it shows, with the newest at the right', () => {
  expect(sparkline([0, 4, 8], 3)).toBe('▁▅█')
  expect(sparkline([1_000, 0, 8], 2)).toBe('▁█')
  expect(sparkline([8], 3)).toBe('  █')
  expect(sparkline([], 3)).toBe('   ')
  expect(sparkline([0, 0], 2)).toBe('▁▁')
})

const ticks = [
  { count: 50, worstMs: 4.2, ms: 100 },
  { count: 3, worstMs: 88.8, ms: 100 },
]

test('the line of the chart says phase, latency, rate and errors, in one line of the terminal', () => {
  const line = chartLine(ticks, { phase: 'copy', note: '43 % events', errors: 2 }, 120)
  expect(line).toMatch(/^copy +ms +▁█ +89 {2}tx\/s +█▁ +30 {2}errors 2 {2}43 % events$/)
  for (const columns of [20, 80, 200]) {
    const shown = chartLine(ticks, { phase: 'copy', note: 'x'.repeat(300), errors: 0 }, columns)
    expect(shown.length).toBe(columns - 1)
  }
})

test('a chart of nothing yet is a line as well', () => {
  expect(chartLine([], { phase: 'before', note: '', errors: 0 }, 80)).toMatch(/^before .*errors 0/)
})

const at = (...moments: number[]) => moments.map((moment) => ({ at: moment, ms: moment }))

test('the longest gap is that between commits, whichever order they are told in, or to an end of the span', () => {
  expect(longestGapMs(at(0, 10, 55, 30), { from: 0, to: 60 })).toBe(25)
  expect(longestGapMs(at(0, 10), { from: 0, to: 100 })).toBe(90)
  expect(longestGapMs(at(70, 80), { from: 0, to: 80 })).toBe(70)
  expect(longestGapMs([], { from: 5, to: 12.34 })).toBe(7.3)
})

test('what lies outside of a span is not counted', () => {
  expect(within(at(1, 2, 3, 4), { from: 2, to: 3 })).toEqual(at(2, 3))
  expect(longestGapMs(at(0, 50, 51, 200), { from: 50, to: 60 })).toBe(9)
})

test('the median is one of the values, and of none it is no number', () => {
  expect(medianMs(at(9, 1, 5))).toBe(5)
  expect(medianMs(at(1, 2, 3, 4))).toBe(2)
  expect(medianMs([])).toBeNaN()
})
