import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** What two scripts take alike: the first seed, which is the time unless it is said, and how many runs; else without end. */
export const seededOptions = {
  seed: { type: 'string', default: String(Math.floor(Date.now() / 1_000) % 1_000_000) },
  runs: { type: 'string', default: 'Infinity' },
} as const

/**
 * Runs tests with one seed after the other, until one fails or as many were run as asked for. The process ends with 1 when one failed.
 * @param what plural, for people
 * @param batch as many as share one set of servers, so that these do not grow without end
 * @param prefix of the variables SEED and RUNS
 */
export async function seededRuns(
  values: { readonly seed: string; readonly runs: string },
  how: {
    readonly what: string
    readonly batch: number
    readonly prefix: string
    readonly arguments: readonly string[]
    readonly variables: Readonly<Record<string, string>>
  },
): Promise<void> {
  const { what, batch, prefix, variables } = how
  const runs = Number(values.runs)
  const first = Number(values.seed)
  for (let done = 0; done < runs; done += batch) {
    const size = Math.min(batch, runs - done)
    const seed = first + done
    console.log(`${what} ${done + 1} to ${done + size}, seeds ${seed} to ${seed + size - 1}`)
    const run = spawn('npx', ['vitest', 'run', '--project', 'integration', ...how.arguments], {
      stdio: 'inherit',
      env: { ...process.env, [`${prefix}_SEED`]: String(seed), [`${prefix}_RUNS`]: String(size), ...variables },
    })
    const [code] = (await once(run, 'exit')) as [number | null]
    if (code !== 0) {
      process.exitCode = 1
      return
    }
  }
}
