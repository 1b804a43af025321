import { createTenantContexts } from '@freehold/sdk'
import { readSettings } from './settings.ts'
import { startWorkloads } from './worker.ts'

/** The worker as a process of its own; Temporal's runtime lets running tasks end when the process gets SIGINT or SIGTERM. */
const { api, temporalAddress } = readSettings()
const { ended } = await startWorkloads({ address: temporalAddress, contexts: createTenantContexts(api) })
await ended
