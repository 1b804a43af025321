/**
 * A service of the platform: receives from the topics of all tenants over a few connections. It needs the namespace's own
 * connection string, which no tenant has, and the API for knowing which topics there are.
 *
 *   SERVICE_BUS_CONNECTION_STRING=… FREEHOLD_API_KEY=… npx node examples/bus/platform-service.ts
 *
 * Beside `npm start` they are in `.freehold/service-bus/connection-string` and `.freehold/workloads.key`.
 */
import { createClient } from '@freehold/sdk'
import { openTenantLinks, tenantTopics } from '@freehold/tenant-worker/topics'

const {
  SERVICE_BUS_CONNECTION_STRING,
  FREEHOLD_API_KEY: apiKey,
  FREEHOLD_URL: url = 'http://127.0.0.1:7070',
} = process.env
if (!SERVICE_BUS_CONNECTION_STRING || !apiKey) {
  console.error('set SERVICE_BUS_CONNECTION_STRING to that of the namespace, and FREEHOLD_API_KEY')
  process.exit(2)
}

const client = createClient({ url, apiKey })
const links = openTenantLinks({
  topics: () => tenantTopics(client),
  connectionString: async () => SERVICE_BUS_CONNECTION_STRING,
  report: (fault) => console.error(fault.kind, 'topic' in fault ? fault.topic.topic : fault.error),
})
links.receive(async ({ tenantId, environment }, { subject, body }) => {
  console.log(`${tenantId} ${environment} ${subject ?? 'message'} ${JSON.stringify(body)}`)
})
console.log('receiving from all tenants; Ctrl-C ends it')
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void links.close())
