import { errorText } from '../domain/errors.ts'
import { within } from './deadline.ts'

const patienceMs = 3_000

/** What a process has opened, and in which order it is given back: the last first. */
export type Closing = {
  /**
   * Has `step` run at the end.
   * @param name what it closes, for the sentence when it fails
   * @param graceMs how long it may take; then it is left behind, so that nothing that hangs holds up the others
   */
  add(name: string, step: () => Promise<unknown> | void, graceMs?: number): void
  /** Runs every step that has not run yet. Never throws; gives one sentence for each that failed or took too long. */
  close(): Promise<string[]>
}

/** The one place where the parts of a process are closed: in reverse order, each within a bounded time. */
export function createClosing(): Closing {
  const steps: { name: string; step: () => Promise<unknown> | void; graceMs: number }[] = []
  let running: Promise<unknown> = Promise.resolve()

  async function run(): Promise<string[]> {
    const faults: string[] = []
    for (let last = steps.pop(); last !== undefined; last = steps.pop()) {
      const { name, step, graceMs } = last
      try {
        await within(graceMs, Promise.resolve().then(step))
      } catch (error) {
        faults.push(`${name} was not closed cleanly (${errorText(error)})`)
      }
    }
    return faults
  }

  return {
    add: (name, step, graceMs = patienceMs) => void steps.push({ name, step, graceMs }),
    async close() {
      const mine = running.then(run)
      running = mine
      return mine
    },
  }
}
