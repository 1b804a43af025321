import { runService, stopSignal } from '../base/service.ts'
import { compose } from '../registry/compose.ts'
import { composeWorker } from './compose.ts'
import { serveMonitoring } from './monitoring.ts'
import { installSdkRuntime } from './sdk-runtime.ts'
import { runWorker } from './worker.ts'

/** The worker as a process of its own; `SIGTERM` lets running steps finish, within bounds. */
await runService('worker', async (closing) => {
  const composition = await compose(process.env, { parts: ['worker'] }, closing)
  installSdkRuntime(composition.log)
  const deps = await composeWorker(composition, closing)
  await serveMonitoring(deps, closing)
  const { died } = await runWorker(deps, closing)
  const signal = await Promise.race([stopSignal(), died])
  deps.log.info(`${signal}: the worker is stopping`)
})
