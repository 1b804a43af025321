import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../../../packages/cli/main.ts'
import { startFakeApi, type Answer } from '../sdk/fake-api.ts'

export { json, operation, tenant } from '../sdk/fake-api.ts'

/** A stand-in for the API on a port of its own, a folder to work in, and the program run against both. */
export async function startFake(answer: Answer) {
  const api = await startFakeApi(answer)
  const cwd = mkdtempSync(join(tmpdir(), 'freehold-cli-'))

  return {
    received: api.received,
    cwd,
    async freehold(args: string[], env: Record<string, string> = { FREEHOLD_API_KEY: 'fh_test' }) {
      const text = { stdout: '', stderr: '' }
      const exitCode = await run(args, {
        stdout: { write: (part) => (text.stdout += part) },
        stderr: { write: (part) => (text.stderr += part) },
        env: { FREEHOLD_URL: api.url, ...env },
        cwd,
        version: '0.0.0',
      })
      return { exitCode, ...text }
    },
    async [Symbol.asyncDispose]() {
      await api[Symbol.asyncDispose]()
      rmSync(cwd, { recursive: true, force: true })
    },
  }
}
