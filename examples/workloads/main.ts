import { readSettings } from './settings.ts'
import { createTenantContexts } from './tenant-contexts.ts'
import { startWorkloads } from './worker.ts'

/** The worker as a process of its own; Temporal's runtime lets running tasks end when the process gets SIGINT or SIGTERM. */
const { url, key, temporalAddress } = readSettings()
const { ended } = await startWorkloads({ address: temporalAddress, contexts: createTenantContexts({ url, key }) })
await ended
