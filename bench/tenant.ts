import { randomUUID } from 'node:crypto'
import { createClient, type Operation } from '@freehold/sdk'
import type { Stack } from './stack.ts'

export type Accepted = { slug: string; operation: Operation }

/** Has the API accept a manifest for a tenant of its own. Throws when it does not. */
export async function acceptTenant({ api }: Stack): Promise<Accepted> {
  const slug = `t-${randomUUID().slice(0, 13)}`
  const { operation } = await createClient({ url: api.url, apiKey: api.key, resend: 'never' }).createTenant({
    apiVersion: 'freehold.dev/v1alpha1',
    kind: 'Tenant',
    metadata: { slug, name: slug },
    spec: { plan: 'pro', region: 'eu-north' },
  })
  return { slug, operation }
}
