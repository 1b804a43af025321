import { expect, test } from 'vitest'
import { forever, parseDuration } from '../../../packages/service-bus-broker/duration.ts'

test.each([
  ['PT1M', 60_000],
  ['PT0.5S', 500],
  ['P1DT2H3M4S', 93_784_000],
  ['P14D', 1_209_600_000],
  [forever, Infinity],
])('%s is %d ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms)
})

test.each(['', 'P', 'PT', 'P1DT', '1M', 'PT1', 'PT-1S', 'P1M'])('%s is no duration', (text) => {
  expect(parseDuration(text)).toBeUndefined()
})
