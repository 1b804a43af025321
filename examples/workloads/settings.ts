import type { ClientOptions } from '@freehold/sdk'

/** Where Freehold and Temporal are, from the environment; without it, those that `npm start` runs in this folder. */
export function readSettings(): { api: ClientOptions; temporalAddress: string } {
  const { FREEHOLD_URL, FREEHOLD_API_KEY, FREEHOLD_API_KEY_FILE, TEMPORAL_ADDRESS } = process.env
  const url = FREEHOLD_URL ?? 'http://127.0.0.1:7070'
  return {
    api:
      FREEHOLD_API_KEY === undefined
        ? { url, apiKeyFile: FREEHOLD_API_KEY_FILE ?? '.freehold/workloads.key' }
        : { url, apiKey: FREEHOLD_API_KEY },
    temporalAddress: TEMPORAL_ADDRESS ?? '127.0.0.1:7233',
  }
}
