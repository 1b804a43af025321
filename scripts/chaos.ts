import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'

/**
 * `npm run chaos`: moves tenants under writers, with one fault in each move (test/integration/relocate/chaos), until one does not come
 * through, or as many were moved as asked for. `--seed` is that of the first move (else the time), the next has the next one;
 * `--runs` how many (else without end); `--at` where they are hit, as `<phase>[/<point>[/<before or after>[/<fault>]]]`, several in turn
 * with commas between;
 * `--writers` how many there are; `--keep` leaves what did not come through for an hour, and says where. Ends with 1 when a move did not.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Date.now() / 1_000) % 1_000_000) },
    runs: { type: 'string', default: 'Infinity' },
    at: { type: 'string', default: '' },
    writers: { type: 'string', default: '3' },
    keep: { type: 'boolean', default: false },
  },
})
/** As many as share one set of servers, so that these do not grow without end. */
const batch = 20
const runs = Number(values.runs)
const first = Number(values.seed)

for (let done = 0; done < runs; done += batch) {
  const size = Math.min(batch, runs - done)
  const seed = first + done
  console.log(`moves ${done + 1} to ${done + size}, seeds ${seed} to ${seed + size - 1}`)
  const command = ['vitest', 'run', '--project', 'integration', '--bail', '1', '--disableConsoleIntercept=true']
  const run = spawn('npx', [...command, 'test/integration/relocate/chaos.test.ts'], {
    stdio: 'inherit',
    env: {
      ...process.env,
      CHAOS_SEED: String(seed),
      CHAOS_RUNS: String(size),
      CHAOS_WRITERS: values.writers,
      CHAOS_AT: values.at,
      ...(values.keep ? { CHAOS_KEEP: 'yes' } : {}),
    },
  })
  const [code] = (await once(run, 'exit')) as [number | null]
  if (code !== 0) {
    process.exitCode = 1
    break
  }
}
