import { readFile } from 'node:fs/promises'
import { ArgumentError } from './errors.ts'
import type { OnPause } from './resend.ts'

/** Where the API is, and the key for it: as text, or a file that is read for each request, so that a new key is taken up. */
export type ClientOptions = {
  readonly url: string
  /** How long one request may take; default 30 s. */
  readonly timeoutMs?: number
  /** `never` gives up at the first failure; the default sends again what is safe to send again, and waits when the API asks for it. */
  readonly resend?: 'when-safe' | 'never'
  readonly onPause?: OnPause
} & ({ readonly apiKey: string } | { readonly apiKeyFile: string })

/** Base of all addresses, without a slash at its end. Throws ArgumentError for what is no plain http or https URL. */
export function baseUrl({ url }: ClientOptions): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  // A name and password in it would be shown in errors; the key has its own place.
  const isPlain = parsed !== undefined && !parsed.username && !parsed.password && !parsed.search && !parsed.hash
  if (!isPlain || !/^https?:$/.test(parsed.protocol))
    throw new ArgumentError('the address of the API is no plain http or https URL, such as http://127.0.0.1:7070')
  return url.replace(/\/+$/, '')
}

/** The API key as it is now. Throws ArgumentError when there is none; never shows it. */
export async function readKey(options: ClientOptions): Promise<string> {
  const key = 'apiKey' in options ? options.apiKey : (await contents(options.apiKeyFile)).trim()
  if (!/^[\x21-\x7e]+$/.test(key)) throw new ArgumentError('the API key is not one line of ASCII')
  return key
}

async function contents(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new ArgumentError(`the file of the API key, ${file}, cannot be read`, { cause })
  }
}
