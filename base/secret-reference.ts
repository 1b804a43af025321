import { readFile } from 'node:fs/promises'
import { FreeholdError } from '../domain/errors.ts'

/** Gives the value behind `env:NAME` or `file:PATH`. Throws `configuration_invalid` naming the reference, never the value. */
export type ResolveSecret = (reference: string) => Promise<string>

/** A resolver over this environment; files are read anew each time, so a rotated credential is picked up. */
export function secretResolver(environment: Readonly<Record<string, string | undefined>>): ResolveSecret {
  return async (reference) => {
    const [scheme, ...rest] = reference.split(':')
    const name = rest.join(':')
    if (scheme === 'env') {
      const value = environment[name]
      if (value === undefined || value === '')
        throw new FreeholdError('configuration_invalid', `variable ${name} is not set, and ${reference} refers to it`)
      return value
    }
    if (scheme === 'file') {
      return (
        await readFile(name, 'utf8').catch((cause: unknown) => {
          throw new FreeholdError(
            'configuration_invalid',
            `file ${name} cannot be read, and ${reference} refers to it`,
            { cause },
          )
        })
      ).trim()
    }
    throw new FreeholdError(
      'configuration_invalid',
      `"${reference}" is not a secret reference; write env:NAME or file:PATH`,
    )
  }
}

/** Reads the platform key: 32 bytes in base64 behind a secret reference. */
export async function readPlatformKey(reference: string, resolve: ResolveSecret): Promise<Buffer> {
  const key = Buffer.from(await resolve(reference), 'base64')
  if (key.length !== 32) throw new FreeholdError('configuration_invalid', `${reference} must hold 32 bytes in base64`)
  return key
}
