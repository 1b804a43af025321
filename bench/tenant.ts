import { randomUUID } from 'node:crypto'
import type { Stack } from './stack.ts'

export type Accepted = { slug: string; operation: { id: string; workflowId: string } }

/** Has the API accept a manifest for a tenant of its own. Throws when it does not. */
export async function acceptTenant({ api }: Stack): Promise<Accepted> {
  const slug = `t-${randomUUID().slice(0, 13)}`
  const answer = await fetch(`${api.url}/v1/tenants`, {
    method: 'POST',
    headers: { authorization: `Bearer ${api.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      apiVersion: 'freehold.dev/v1alpha1',
      kind: 'Tenant',
      metadata: { slug, name: slug },
      spec: { plan: 'pro', region: 'eu-north' },
    }),
  })
  if (answer.status !== 202) throw new Error(`not accepted: ${answer.status} ${await answer.text()}`)
  const { operation } = (await answer.json()) as Pick<Accepted, 'operation'>
  return { slug, operation }
}
