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
export function apiKey({ env, cwd }: Io): string {
  const file = env['FREEHOLD_API_KEY_FILE']
  const key = env['FREEHOLD_API_KEY']?.trim() || (file ? readKey(resolve(cwd, file)) : findKey(cwd))
  if (key === undefined || !/^[\x21-\x7e]+$/.test(key))
    throw new CliError(
      exitCodes.unreachable,
      key === undefined ? missing(file) : 'the API key is not one line of ASCII',
      {
        next: 'set FREEHOLD_API_KEY or FREEHOLD_API_KEY_FILE, or run this inside the folder where the platform was started',
      },
    )
  return key
}

function missing(file: string | undefined): string {
  return file ? `FREEHOLD_API_KEY_FILE names ${file}, which cannot be read` : 'no API key found'
}

function findKey(folder: string): string | undefined {
  const above = dirname(folder)
  return readKey(join(folder, '.freehold', 'admin.key')) ?? (above === folder ? undefined : findKey(above))
}

function readKey(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}
