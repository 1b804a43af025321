import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { CliError, exitCodes } from './failures.ts'
import type { Io } from './io.ts'

export const settingsHelp = `
Environment:
  FREEHOLD_URL           where the API is (default http://127.0.0.1:7070)
  FREEHOLD_API_KEY       the key; else
  FREEHOLD_API_KEY_FILE  the file that holds it; else .freehold/admin.key, here or in a folder above`

/** Base URL of the API, without a slash at its end. Throws a usage error for what is no http(s) URL, or more than that. */
export function apiUrl({ env }: Io): string {
  const text = env['FREEHOLD_URL'] || 'http://127.0.0.1:7070'
  const url = URL.canParse(text) ? new URL(text) : undefined
  // A name and password in it would be shown in errors; the key has its own place.
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash)
    throw new CliError(exitCodes.usage, 'FREEHOLD_URL is no plain http or https URL', {
      next: 'set it as in FREEHOLD_URL=http://127.0.0.1:7070',
    })
  return text.replace(/\/+$/, '')
}

/** The API key by the order that `--help` states. Throws (exit code 4) when there is none; never shows the key. */
export function apiKey(io: Io): string {
  const found = findKey(io)
  if (found !== undefined && /^[\x21-\x7e]+$/.test(found.key)) return found.key
  const file = io.env['FREEHOLD_API_KEY_FILE']
  const missing = file ? `FREEHOLD_API_KEY_FILE names ${file}, which cannot be read` : 'no API key found'
  const message = found === undefined ? missing : `the API key from ${found.source} is not one line of ASCII`
  throw new CliError(exitCodes.unreachable, message, {
    code: 'no_key',
    next: 'set FREEHOLD_API_KEY or FREEHOLD_API_KEY_FILE, or run this inside the folder where the platform was started',
  })
}

/** Where `apiKey` takes the key from, for a user whose key is refused. */
export function keySource(io: Io): string {
  return findKey(io)?.source ?? 'nowhere'
}

type Found = { key: string; source: string }

function findKey({ env, cwd }: Io): Found | undefined {
  const key = env['FREEHOLD_API_KEY']?.trim()
  if (key) return { key, source: 'the environment variable FREEHOLD_API_KEY' }
  const file = env['FREEHOLD_API_KEY_FILE']
  return file ? readKey(resolve(cwd, file), ' (FREEHOLD_API_KEY_FILE)') : findAbove(cwd)
}

function findAbove(folder: string): Found | undefined {
  const above = dirname(folder)
  return readKey(join(folder, '.freehold', 'admin.key')) ?? (above === folder ? undefined : findAbove(above))
}

function readKey(path: string, note = ''): Found | undefined {
  try {
    return { key: readFileSync(path, 'utf8').trim(), source: `${path}${note}` }
  } catch {
    return undefined
  }
}
