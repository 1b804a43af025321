import { z } from 'zod'
import type { TenantSecrets } from './mapper.ts'

const renewalSchema = z.object({ rotation: z.string(), value: z.string() })

/**
 * Renews a secret once for each `rotation`, and gives its value. What is new is noted beside the secret before it takes its
 * place, so a run that was cut off anywhere is finished by the next with the same value.
 */
export async function renewSecret(
  secrets: TenantSecrets,
  name: string,
  rotation: string,
  make: () => string,
): Promise<string> {
  const note = `${name}.rotation`
  const noted = await secrets.read(note)
  const renewal = noted === undefined ? undefined : renewalSchema.parse(JSON.parse(noted))
  const value = renewal?.rotation === rotation ? renewal.value : make()
  if (renewal?.rotation !== rotation) await secrets.replace(note, JSON.stringify({ rotation, value }))
  if ((await secrets.read(name)) !== value) await secrets.replace(name, value)
  return value
}
