import { createClosing } from '../../base/closing.ts'
import { compose } from '../../registry/compose.ts'
import { composeWorker } from '../../worker/compose.ts'
import { startWorker } from '../../worker/worker.ts'
import { testTiming } from './timing.ts'

/** A worker of its own process that dies by SIGKILL right after the effect of the activity that DOOMED_AT names, before its result is told. */
const { DOOMED_AT, DOOMED_QUEUE, ...given } = process.env
const environment = {
  ...given,
  ...(DOOMED_QUEUE === undefined ? {} : { FREEHOLD_TASK_QUEUE: DOOMED_QUEUE }),
  FREEHOLD_SWEEP_INTERVAL_MS: '60000',
  FREEHOLD_WORKER_CONCURRENCY: '5',
}
const closing = createClosing()
const composition = await compose(environment, { parts: ['worker'], timing: testTiming }, closing)
await startWorker(await composeWorker(composition, closing), [
  ({ info }) => ({
    inbound: {
      async execute(input, next) {
        const result: unknown = await next(input)
        const { step } = input.args[0] as { step?: string }
        if (DOOMED_AT === [info.activityType, step].filter(Boolean).join(' ')) process.kill(process.pid, 'SIGKILL')
        return result
      },
    },
  }),
])
