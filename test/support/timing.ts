import { stepActions, type Timing } from '../../domain/operation.ts'

/** The same time for one try of everything. */
export function tries(ms: number): Timing['tryMs'] {
  const byAction = Object.fromEntries(stepActions.map((action) => [action, ms])) as Omit<Timing['tryMs'], 'operation'>
  return { ...byAction, operation: ms }
}

/** Steps give up after seconds, so a killed worker's work is taken up within a test. */
export const testTiming: Timing = {
  // What copies is not tried again when its time is over, and a busy machine is slow.
  tryMs: { ...tries(2_000), export: 30_000, verify: 30_000, import: 30_000, compare: 30_000 },
  heartbeatMs: 1_000,
  initialRetryMs: 50,
  maximumRetryMs: 500,
  maximumAttempts: 3,
}
