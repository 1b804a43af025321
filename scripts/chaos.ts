import { parseArgs } from 'node:util'
import { seededOptions, seededRuns } from './seeded-runs.ts'

/**
 * `npm run chaos`: moves tenants under writers, with one fault in each move (test/integration/relocate/chaos), until one does not come
 * through, or as many were moved as asked for. `--seed` is that of the first move (else the time), the next has the next one;
 * `--runs` how many (else without end); `--at` where they are hit, as `<phase>[/<point>[/<before or after>[/<fault>]]]`, several in turn
 * with commas between;
 * `--writers` how many there are; `--keep` leaves what did not come through for an hour, and says where. Ends with 1 when a move did not.
 */
const { values } = parseArgs({
  options: {
    ...seededOptions,
    at: { type: 'string', default: '' },
    writers: { type: 'string', default: '3' },
    keep: { type: 'boolean', default: false },
  },
})

await seededRuns(values, {
  what: 'moves',
  batch: 20,
  prefix: 'CHAOS',
  arguments: ['--bail', '1', '--disableConsoleIntercept=true', 'test/integration/relocate/chaos.test.ts'],
  variables: {
    CHAOS_WRITERS: values.writers,
    CHAOS_AT: values.at,
    ...(values.keep ? { CHAOS_KEEP: 'yes' } : {}),
  },
})
