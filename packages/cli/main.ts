import { createInterface } from 'node:readline/promises'
import { CommanderError } from 'commander'
import { toCliError } from './causes.ts'
import { exitCodes, reportError } from './failures.ts'
import type { Io } from './io.ts'
import { buildProgram } from './program.ts'

/** Runs one command line (without `node` and the script) and gives its exit code; never throws. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  let exitCode: number = exitCodes.ok
  const program = buildProgram(io, (code) => {
    exitCode = code
  })
  try {
    await program.parseAsync(args, { from: 'user' })
    return exitCode
  } catch (error) {
    // Commander has written its own sentence by now; help and version are its way to end well.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    return reportError(toCliError(error, io), io.stderr)
  }
}

/** The program: `run` with this process's surroundings, as version `version`. */
export async function main(version: string): Promise<void> {
  const { stdout, stderr, env } = process
  // `freehold list | head` closes the pipe early, which is no error of ours.
  for (const stream of [stdout, stderr])
    stream.on('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'EPIPE') throw cause
      process.exit(exitCodes.ok)
    })
  const ask = process.stdin.isTTY && stderr.isTTY ? askAtTerminal : undefined
  process.exitCode = await run(process.argv.slice(2), { stdout, stderr, env, cwd: process.cwd(), version, ask })
}

async function askAtTerminal(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return await lines.question(question)
  } finally {
    lines.close()
  }
}
