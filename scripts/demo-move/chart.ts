const blocks = '▁▂▃▄▅▆▇█'

/** What was acknowledged in one stretch of time. */
export type Tick = { readonly count: number; readonly worstMs: number; readonly ms: number }

/** The phase, and what there is to say of it. */
export type Scene = { readonly phase: string; readonly note: string; readonly errors: number }

/** Values as a row of blocks, the newest at the right; from zero to the largest of them. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = values.slice(-width)
  const most = Math.max(...shown, Number.MIN_VALUE)
  const block = (value: number) => blocks[Math.min(blocks.length - 1, Math.floor((value / most) * blocks.length))] ?? ''
  return shown.map(block).join('').padStart(width)
}

/** One line for a person, never wider than `columns`: phase, latency, throughput, errors. */
export function chartLine(ticks: readonly Tick[], { phase, note, errors }: Scene, columns: number): string {
  const width = Math.max(4, Math.min(30, Math.floor((columns - 68) / 2)))
  const worst = ticks.map(({ worstMs }) => worstMs)
  const rates = ticks.map(({ count, ms }) => (count * 1_000) / ms)
  const now = (values: readonly number[]) => Math.round(values.at(-1) ?? 0)
  const line = [
    phase.padEnd(11),
    `ms ${sparkline(worst, width)} ${String(now(worst)).padStart(4)}`,
    `tx/s ${sparkline(rates, width)} ${String(now(rates)).padStart(4)}`,
    `errors ${errors}`,
    note,
  ].join('  ')
  return line.slice(0, columns - 1)
}
