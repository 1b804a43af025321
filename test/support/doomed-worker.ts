import { readFileSync } from 'node:fs'
import { createClosing } from '../../base/closing.ts'
import { FreeholdError } from '../../domain/errors.ts'
import { compose } from '../../registry/compose.ts'
import { composeWorker } from '../../worker/compose.ts'
import { installSdkRuntime } from '../../worker/sdk-runtime.ts'
import { startWorker } from '../../worker/worker.ts'
import { brokenEnvironment } from './boundaries.ts'
import { testTiming } from './timing.ts'
import { aroundVerbs } from './verbs.ts'

/**
 * A worker of its own process that stops in the middle of each tenant's work, at the boundary that DOOMED_AT names for it,
 * says so on standard output, and waits to be killed. Boundaries are `before`, `between` (the effect of a mapper and the
 * end of its step) or `after`, and the activity with the key of its step.
 */
const { DOOMED_AT = '{}', DOOMED_BUNDLE = '', ...given } = process.env
const doomedAt = JSON.parse(DOOMED_AT) as Record<string, string>

async function stopAt(tenant: string, boundary: string): Promise<void> {
  if (doomedAt[tenant] !== boundary) return
  console.log(`stopped ${tenant}`)
  await new Promise<never>(() => {})
}

const environment = { ...given, FREEHOLD_SWEEP_INTERVAL_MS: '60000', FREEHOLD_WORKER_CONCURRENCY: '100' }
const closing = createClosing()
const composition = await compose(environment, { parts: ['worker'], timing: testTiming }, closing)
installSdkRuntime(composition.log)
const deps = await composeWorker(composition, closing)
const mappers = aroundVerbs(deps.mappers, async ({ action, step, target }, run) => {
  await stopAt(target.tenantId, `before ${action} ${step}`)
  if (action === 'migrate' && target.spec.environment === brokenEnvironment)
    throw new FreeholdError('migration_failed', 'this environment is broken')
  const result = await run()
  await stopAt(target.tenantId, `between ${action} ${step}`)
  return result
})
type Given = { input?: { tenantId: string }; tenantId?: string; step?: string }
const workflows = { code: readFileSync(DOOMED_BUNDLE, 'utf8') }
await startWorker({ ...deps, mappers, workflows }, [
  ({ info }) => ({
    inbound: {
      async execute(input, next) {
        const { input: inner, tenantId = inner?.tenantId ?? '', step } = input.args[0] as Given
        const what = [info.activityType, step].filter(Boolean).join(' ')
        // A step has claimed its resource when it stops before its effect: see the verbs above.
        if (step === undefined || info.activityType === 'verify') await stopAt(tenantId, `before ${what}`)
        const result: unknown = await next(input)
        await stopAt(tenantId, `after ${what}`)
        return result
      },
    },
  }),
])
