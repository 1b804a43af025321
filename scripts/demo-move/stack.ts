import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createClient } from '@freehold/sdk'
import { serveApi } from '../../api/compose.ts'
import type { Closing } from '../../base/closing.ts'
import { startServiceProcess } from '../../bench/service-process.ts'
import { startOwnStack } from '../../local/own-stack.ts'
import { compose } from '../../registry/compose.ts'
import { installSdkRuntime } from '../../worker/sdk-runtime.ts'

/** What the demonstration works with: the API as any client, and the server to look for leftovers in. */
export type MoveStack = Awaited<ReturnType<typeof startMoveStack>>

/**
 * All that `npm start` has, on free ports, with the shop for a schema; gone with `closing`. The worker is a process of its own, as in
 * production: else it would be the writers here that hold up the cut.
 */
export async function startMoveStack(closing: Closing) {
  const shop = join(import.meta.dirname, '../../examples/shop/schemas')
  const { environment, stateDir, adminKey } = await startOwnStack(closing, { FREEHOLD_MIGRATIONS_DIR: shop })
  const composition = await compose(environment, { parts: ['api'] }, closing)
  installSdkRuntime(composition.log)
  await startServiceProcess('worker', environment, closing)
  const api = { url: await serveApi(composition, closing), apiKey: adminKey }
  const superuser = new URL(environment['FREEHOLD_WAREHOUSE_URL'] ?? '')
  superuser.username = 'postgres'
  superuser.password = readFileSync(join(stateDir, 'postgres-superuser.password'), 'utf8').trim()
  return { api, client: createClient(api), superuserUrl: superuser.href }
}
