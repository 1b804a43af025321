import type { Acknowledged } from '../../examples/shop/writers.ts'
import { quantile } from '../../bench/quantile.ts'

/** From one moment to another, by the clock of `performance`. */
export type Span = { readonly from: number; readonly to: number }

/** Operations that were acknowledged in a span. */
export function within<T extends Pick<Acknowledged, 'at'>>(acknowledged: readonly T[], { from, to }: Span): T[] {
  return acknowledged.filter(({ at }) => at >= from && at <= to)
}

/** Median latency of operations in milliseconds; `NaN` of none. */
export function medianMs(acknowledged: readonly Pick<Acknowledged, 'ms'>[]): number {
  return round(
    quantile(
      acknowledged.map(({ ms }) => ms),
      0.5,
    ),
  )
}

/**
 * The longest time without an acknowledged commit in a span, in milliseconds. What lies before the first and after the last
 * counts as well: else a stop that lasts to the end would not be seen.
 */
export function longestGapMs(acknowledged: readonly Pick<Acknowledged, 'at'>[], span: Span): number {
  const moments = [span.from, ...within(acknowledged, span).map(({ at }) => at), span.to].toSorted((a, b) => a - b)
  return round(Math.max(...moments.slice(1).map((at, index) => at - (moments[index] ?? at))))
}

/** To a tenth: more is noise. */
export function round(value: number): number {
  return Math.round(value * 10) / 10
}
