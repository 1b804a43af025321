import { CliError, exitCodes } from './failures.ts'

export type Query = Record<string, string | number | readonly string[] | undefined>

/** Path below `/v1` from its parts, each escaped. Throws a usage error for a part that would change the path. */
export function path(...parts: string[]): string {
  if (parts.some((part) => part === '' || part === '.' || part === '..'))
    throw new CliError(exitCodes.usage, 'a name is needed here, not an empty text or dots', {
      next: 'see which there are: freehold list',
    })
  return `/v1/${parts.map(encodeURIComponent).join('/')}`
}

/** A path with the given parameters; undefined ones are left out, a list is repeated. */
export function withQuery(to: string, query: Query): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((one): [string, string] => [name, String(one)]),
  )
  return pairs.length === 0 ? to : `${to}?${new URLSearchParams(pairs).toString()}`
}
