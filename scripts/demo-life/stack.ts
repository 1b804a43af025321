import { createClient } from '@freehold/sdk'
import { serveApi } from '../../api/compose.ts'
import type { Closing } from '../../base/closing.ts'
import { compose } from '../../registry/compose.ts'
import { composeWorker } from '../../worker/compose.ts'
import { installSdkRuntime } from '../../worker/sdk-runtime.ts'
import { runWorker } from '../../worker/worker.ts'
import { startOwnStack } from '../../local/own-stack.ts'

/** What the demonstration works with: the API as any client, and the databases to look into. */
export type DemoStack = Awaited<ReturnType<typeof startDemoStack>>

/** All that `npm start` has, on free ports; gone with `closing`. */
export async function startDemoStack(closing: Closing) {
  const { environment, stateDir, adminKey } = await startOwnStack(closing)
  const composition = await compose(environment, { parts: ['api', 'worker'] }, closing)
  installSdkRuntime(composition.log)
  await runWorker(await composeWorker(composition, closing), closing)
  const api = await serveApi(composition, closing)
  const { DATABASE_URL: registry = '', FREEHOLD_WAREHOUSE_URL: warehouse = '' } = environment
  return { client: createClient({ url: api, apiKey: adminKey }), api, adminKey, stateDir, registry, warehouse }
}
