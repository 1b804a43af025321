import { z } from 'zod'

const tenantsSchema = z.object({
  items: z.array(z.object({ id: z.string(), environments: z.array(z.object({ name: z.string() })) })),
  nextCursor: z.string().nullable(),
})
const contextSchema = z.object({
  topology: z.object({
    events: z.union([
      z.object({ transport: z.literal('service-bus'), bus: z.string(), topic: z.string() }),
      z.object({ transport: z.literal('webhooks') }),
    ]),
  }),
})

/** The topics of all active tenants, as the API tells them. `key` needs the role platform-auditor. */
export async function topicsOf({ url, key }: { url: string; key: string }) {
  const ask = async (path: string): Promise<unknown> => {
    const answer = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${key}` } })
    if (!answer.ok) throw new Error(`GET ${path} gives ${answer.status}`)
    return answer.json()
  }
  const topics = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const page: z.output<typeof tenantsSchema> = tenantsSchema.parse(
      await ask(`/v1/tenants?state=active&limit=200${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`),
    )
    for (const { id: tenantId, environments } of page.items)
      for (const { name: environment } of environments) {
        const context = contextSchema.parse(await ask(`/v1/tenants/${tenantId}/context?environment=${environment}`))
        const { events } = context.topology
        if (events.transport === 'service-bus')
          topics.push({ tenantId, environment, bus: events.bus, topic: events.topic, credential: events.bus })
      }
    cursor = page.nextCursor
  }
  return topics
}
