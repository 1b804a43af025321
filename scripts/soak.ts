import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'

/**
 * `npm run soak`: leads tenants through random lives (test/integration/model) until one is not as the model says, or as many
 * were led as asked for. `--seed` is that of the first life (else the time), the next has the next one; `--runs` how many (else
 * without end); `--rounds` how long a life is; `--at-once` how many are led at a time; `--crashes` kills workers all the while.
 * Ends with 1 when a life went wrong.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Date.now() / 1_000) % 1_000_000) },
    runs: { type: 'string', default: 'Infinity' },
    rounds: { type: 'string', default: '6' },
    'at-once': { type: 'string', default: '5' },
    crashes: { type: 'boolean', default: false },
  },
})
/** As many as share one set of servers, so that these do not grow without end. */
const batch = 50
const runs = Number(values.runs)
const first = Number(values.seed)

for (let done = 0; done < runs; done += batch) {
  const size = Math.min(batch, runs - done)
  const seed = first + done
  console.log(`lives ${done + 1} to ${done + size}, seeds ${seed} to ${seed + size - 1}`)
  const command = ['vitest', 'run', '--project', 'integration', '--maxConcurrency', values['at-once']]
  const run = spawn('npx', [...command, 'test/integration/model'], {
    stdio: 'inherit',
    env: {
      ...process.env,
      SOAK_SEED: String(seed),
      SOAK_RUNS: String(size),
      SOAK_ROUNDS: values.rounds,
      ...(values.crashes ? { SOAK_CRASHES: 'yes' } : {}),
    },
  })
  const [code] = (await once(run, 'exit')) as [number | null]
  if (code !== 0) {
    process.exitCode = 1
    break
  }
}
