import { runService, stopSignal } from '../base/service.ts'
import { compose } from '../registry/compose.ts'
import { serveApi } from './compose.ts'

/** The API as a process of its own, against servers that are there already. */
await runService('api', async (closing) => {
  const composition = await compose(process.env, { parts: ['api'] }, closing)
  const { log } = composition
  log.info(`API listens on ${await serveApi(composition, closing)}`)
  log.info(`${await stopSignal()}: the API is stopping`)
})
