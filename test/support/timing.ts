import type { Timing } from '../../domain/operation.ts'

/** Steps give up after seconds, so a killed worker's work is taken up within a test. */
export const testTiming: Timing = {
  tryMs: { operation: 2_000, ensure: 2_000, migrate: 2_000, remove: 2_000, rotate: 2_000 },
  heartbeatMs: 1_000,
  initialRetryMs: 50,
  maximumRetryMs: 500,
  maximumAttempts: 3,
}
