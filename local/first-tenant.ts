import { readFile } from 'node:fs/promises'
import { ApiError, createClient } from '@freehold/sdk'

/**
 * Applies the example tenant through the API, as any client would, and tells how it goes.
 * @returns whether it became active
 */
export async function applyFirstTenant(
  api: string,
  key: string,
  file: string,
  tell: (line: string) => void,
  signal?: AbortSignal,
): Promise<boolean> {
  const client = createClient({ url: api, apiKey: key })
  const manifest = { text: await readFile(file, 'utf8'), type: 'application/yaml' as const }
  const accepted = await client.createTenant(manifest, { idempotencyKey: 'first-start' }).catch((error: unknown) => {
    if (!(error instanceof ApiError)) throw error
    tell(`${file} was not accepted: ${error.message}`)
  })
  if (accepted === undefined) return false
  tell(`provisioning the tenant of ${file} …`)
  const told = new Set<string>()
  const { state, error } = await client.waitForOperation(accepted.operation.id, {
    signal,
    onUpdate: ({ steps }) => {
      for (const step of steps) {
        if (step.state === 'pending' || step.state === 'running' || told.has(step.title)) continue
        told.add(step.title)
        tell(`  ${step.state === 'done' ? '✓' : '✗'} ${step.title}`)
      }
    },
  })
  if (state !== 'succeeded') tell(`  ${state}: ${error?.message ?? ''}`)
  return state === 'succeeded'
}
