import { readFileSync } from 'node:fs'

/** Where Freehold and Temporal are, from the environment; without it, those that `npm start` runs in this folder. */
export function readSettings(): { url: string; key: string; temporalAddress: string } {
  const { FREEHOLD_URL, FREEHOLD_API_KEY, FREEHOLD_API_KEY_FILE, TEMPORAL_ADDRESS } = process.env
  return {
    url: FREEHOLD_URL ?? 'http://127.0.0.1:7070',
    key: FREEHOLD_API_KEY ?? readFileSync(FREEHOLD_API_KEY_FILE ?? '.freehold/workloads.key', 'utf8').trim(),
    temporalAddress: TEMPORAL_ADDRESS ?? '127.0.0.1:7233',
  }
}
