import { InvalidArgumentError } from 'commander'

/** A timer holds no more than 2^31 milliseconds. */
const longestTimeout = 2_000_000

/** Gathers the values of an option that may be given more than once. */
export function collect(value: string, earlier: string[] = []): string[] {
  return [...earlier, value]
}

/** A whole number. Throws InvalidArgumentError, as all of these do, for what is none. */
export function whole(text: string): number {
  return atLeast(0, text)
}

/** A whole number above zero. */
export function positive(text: string): number {
  return atLeast(1, text)
}

/** How long to follow an operation, in seconds. */
export function seconds(text: string): number {
  if (positive(text) > longestTimeout) throw new InvalidArgumentError(`It is ${longestTimeout} at most.`)
  return Number(text)
}

const secondsIn: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 }

/** A time such as `90s`, `30m`, `24h` or `7d`, in seconds. */
export function duration(text: string): number {
  const [, count, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  const each = secondsIn[unit]
  if (each === undefined) throw new InvalidArgumentError('It is a number with s, m, h or d behind it, such as 24h.')
  return Number(count) * each
}

const bytesIn: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }

/** Bytes a second, such as `20MiB/s` or `20MiB`. */
export function byteRate(text: string): number {
  const [, count, unit = ''] = /^(\d{1,6}(?:\.\d{1,3})?)(KiB|MiB|GiB)(?:\/s)?$/.exec(text) ?? []
  const each = bytesIn[unit]
  if (each === undefined) throw new InvalidArgumentError('It is a number with KiB/s, MiB/s or GiB/s, such as 20MiB/s.')
  return Math.round(Number(count) * each)
}

/** Two times in ISO 8601 with a slash between them. */
export function between(text: string): { from: string; until: string } {
  const [from = '', until = '', ...more] = text.split('/')
  if (more.length > 0 || [from, until].some((time) => Number.isNaN(Date.parse(time))))
    throw new InvalidArgumentError('It is two times with / between, such as 2026-12-01T02:00:00Z/2026-12-01T04:00:00Z.')
  return { from: new Date(from).toISOString(), until: new Date(until).toISOString() }
}

function atLeast(least: number, text: string): number {
  const isEnough = /^\d{1,15}$/.test(text) && Number(text) >= least
  if (!isEnough) throw new InvalidArgumentError(`It is a whole number, ${least} or more.`)
  return Number(text)
}
