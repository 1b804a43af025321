import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommandLine } from '../../support/command-line.ts'
import { startFakeApi, type Answer } from '../sdk/fake-api.ts'

export { json, operation, relocation, tenant } from '../sdk/fake-api.ts'

/** A stand-in for the API on a port of its own, a folder to work in, and the program run against both. */
export async function startFake(answer: Answer) {
  const api = await startFakeApi(answer)
  const cwd = mkdtempSync(join(tmpdir(), 'freehold-cli-'))

  return {
    received: api.received,
    cwd,
    freehold: (args: string[], env: Record<string, string> = { FREEHOLD_API_KEY: 'fh_test' }) =>
      runCommandLine(args, { cwd, env: { FREEHOLD_URL: api.url, ...env } }),
    async [Symbol.asyncDispose]() {
      await api[Symbol.asyncDispose]()
      rmSync(cwd, { recursive: true, force: true })
    },
  }
}
