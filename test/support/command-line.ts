import { run } from '../../packages/cli/main.ts'

/** Runs the command line in this process, and gives what it wrote and how it ended. */
export async function runCommandLine(args: string[], { cwd, env }: { cwd: string; env: Record<string, string> }) {
  const text = { stdout: '', stderr: '' }
  const exitCode = await run(args, {
    stdout: { write: (part) => (text.stdout += part) },
    stderr: { write: (part) => (text.stderr += part) },
    env,
    cwd,
    version: '0.0.0',
  })
  return { exitCode, ...text }
}
