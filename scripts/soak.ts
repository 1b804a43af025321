import { parseArgs } from 'node:util'
import { seededOptions, seededRuns } from './seeded-runs.ts'

/**
 * `npm run soak`: leads tenants through random lives (test/integration/model) until one is not as the model says, or as many
 * were led as asked for. `--seed` is that of the first life (else the time), the next has the next one; `--runs` how many (else
 * without end); `--rounds` how long a life is; `--at-once` how many are led at a time; `--crashes` kills workers all the while.
 * Ends with 1 when a life went wrong.
 */
const { values } = parseArgs({
  options: {
    ...seededOptions,
    rounds: { type: 'string', default: '6' },
    'at-once': { type: 'string', default: '5' },
    crashes: { type: 'boolean', default: false },
  },
})

await seededRuns(values, {
  what: 'lives',
  batch: 50,
  prefix: 'SOAK',
  arguments: ['--maxConcurrency', values['at-once'], 'test/integration/model'],
  variables: { SOAK_ROUNDS: values.rounds, ...(values.crashes ? { SOAK_CRASHES: 'yes' } : {}) },
})
