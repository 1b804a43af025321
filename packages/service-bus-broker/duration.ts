const pattern = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/

/** The service's "never" (the greatest .NET TimeSpan). */
export const forever = 'P10675199DT2H48M5.4775807S'

/**
 * Milliseconds of an ISO 8601 duration of days, hours, minutes and seconds, the form the service uses. Anything of a
 * thousand years or more, as {@link forever}, is Infinity; undefined when the text is no such duration.
 */
export function parseDuration(text: string): number | undefined {
  const match = pattern.exec(text)
  if (!match || text === 'P' || text.endsWith('T')) return undefined
  const [days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0))
  const total = (((days ?? 0) * 24 + (hours ?? 0)) * 60 + (minutes ?? 0)) * 60_000 + (seconds ?? 0) * 1000
  return total >= 365_000 * 86_400_000 ? Infinity : total
}
