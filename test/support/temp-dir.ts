import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A directory of a test is called after it and the pid of the process that runs the test. */
export const temporaryPrefix = 'freehold-dir-'

/** A new empty directory, removed when the running test has finished. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), `${temporaryPrefix}${process.pid}-`))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}
