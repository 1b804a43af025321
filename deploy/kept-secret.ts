import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'

/** A random secret of the local stack, made at the first start and kept in a file only its owner can read. */
export function keptSecret(file: string, encoding: 'base64' | 'hex'): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const value = randomBytes(32).toString(encoding)
  writeFileSync(file, `${value}\n`, { mode: 0o600, flag: 'wx' })
  return value
}
