import { stepActions, type Timing } from '../../domain/operation.ts'

/** The same time for one try of everything. */
export function tries(ms: number): Timing['tryMs'] {
  const byAction = Object.fromEntries(stepActions.map((action) => [action, ms])) as Omit<Timing['tryMs'], 'operation'>
  return { ...byAction, operation: ms }
}

/** What copies is not tried again when its time is over, or begun anew, and a busy machine is slow. */
const copying = [
  'export',
  'verify',
  'import',
  'compare',
  'copy',
  'cut',
  'prove',
  'revert',
  'release',
  'carry',
  'handOver',
  'takeBack',
]
const withTime = Object.fromEntries(copying.map((action) => [action, 30_000]))

/** Steps give up after seconds, so a killed worker's work is taken up within a test. */
export const testTiming: Timing = {
  tryMs: { ...tries(2_000), ...withTime },
  heartbeatMs: 1_000,
  initialRetryMs: 50,
  maximumRetryMs: 500,
  maximumAttempts: 3,
}
