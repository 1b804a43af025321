import type { Relocation } from '@freehold/sdk'
import type { Detail } from './progress.ts'

/** Over how long the rate is taken: long enough that it does not jump, short enough that a throttle shows. */
const windowMs = 5_000

type Sample = { readonly at: number; readonly bytes: number }

/**
 * What there is to be seen of a move as it goes on, in one line: phase, table, bytes of all, rows, rate and the time that is left.
 * Remembers what it has seen, because a rate needs two looks.
 * @param now a clock in milliseconds
 */
export function moveProgress(now: () => number = () => performance.now()): (relocation: Relocation) => Detail {
  let samples: Sample[] = []

  /** Bytes a second, once it can be said. */
  function rateAt(bytes: number): number | undefined {
    const at = now()
    // A copy that is begun anew begins at 0.
    if (bytes < (samples.at(-1)?.bytes ?? 0)) samples = []
    samples = [...samples.filter((one) => at - one.at <= windowMs), { at, bytes }]
    const [first] = samples
    if (first === undefined || at - first.at < 500 || bytes === first.bytes) return undefined
    return ((bytes - first.bytes) * 1_000) / (at - first.at)
  }

  return ({ phase, progress }) => {
    const table = typeof progress['table'] === 'string' ? progress['table'] : ''
    if (phase === 'verify') {
      const [count, all] = [numberIn(progress, 'count'), numberIn(progress, 'all')]
      if (count === undefined || all === undefined) return { text: phase, mark: phase }
      return { text: `verify: ${count} of ${all} tables, ${table}`, mark: `${phase} ${tenth(count, all)}` }
    }
    if (typeof progress['waitsFor'] === 'string' && phase === 'ready') {
      const text = `ready: the cut waits for ${progress['waitsFor'] === 'window' ? 'its window' : 'approval'}`
      return { text, mark: text }
    }
    const bytes = phase === 'copy' ? numberIn(progress, 'bytes') : undefined
    if (bytes === undefined) return { text: phase, mark: phase }
    const all = numberIn(progress, 'bytesInAll') ?? 0
    const rows = numberIn(progress, 'rows') ?? 0
    const rate = rateAt(bytes)
    const left = rate === undefined ? undefined : Math.max(0, all - bytes) / rate
    const parts = [
      table,
      `${size(bytes)} of about ${size(Math.max(all, bytes))}`,
      // They are known once a table is done.
      rows === 0 ? '' : `${rows.toLocaleString('en')} rows`,
      rate === undefined ? '' : `${size(rate)}/s`,
      left === undefined ? '' : `${span(left)} left`,
    ]
    return { text: `copy: ${parts.filter(Boolean).join(', ')}`, mark: `${phase} ${tenth(bytes, all)}` }
  }
}

/** How many tenths are done: where nothing can be drawn anew, a line for each is enough. */
const tenth = (done: number, all: number) => (all > 0 ? Math.min(10, Math.floor((done * 10) / all)) : 0)

function numberIn(progress: Relocation['progress'], name: string): number | undefined {
  const value = progress[name]
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** Bytes for people, as `312.4 MiB`. */
export function size(bytes: number): string {
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)))
  return `${(bytes / 1024 ** step).toFixed(step === 0 ? 0 : 1)} ${units[step] ?? ''}`
}

/** Seconds for people, as `4 min 10 s`. */
export function span(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 60) return `${whole} s`
  const minutes = Math.floor(whole / 60)
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
