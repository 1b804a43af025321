import { FreeholdError } from '../domain/errors.ts'
import { createClosing, type Closing } from './closing.ts'

/**
 * Runs a service as this process and ends the process with it, whatever it has left open: 0 when it came to its end, 1 when
 * it failed or did not close cleanly, with one sentence on standard error. What `main` adds to `closing` is closed first. Of
 * an error nobody foresaw the stack is told and nothing else, for its properties may hold a connection URL.
 */
export async function runService(name: string, main: (closing: Closing) => Promise<void>): Promise<never> {
  surviveBrokenPipes()
  const closing = createClosing()
  let code = 0
  const fail = (text: string | undefined) => {
    code = 1
    console.error(`freehold ${name}: ${text}`)
  }
  try {
    await main(closing)
  } catch (error) {
    fail(error instanceof FreeholdError ? error.message : error instanceof Error ? error.stack : String(error))
  }
  for (const fault of await closing.close()) fail(fault)
  process.exit(code)
}

/**
 * Who reads our output may be gone before us: the reader of a pipe (`npm start | tee`, EPIPE) or the terminal itself (EIO).
 * What is said then is said to nobody; an error of it would end the process before it has stopped what it started.
 */
export function surviveBrokenPipes(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
}

/** Ends when the process is told to stop. */
export async function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(signal))
  })
}

/**
 * What `connecting` gives; its failure as `substrate_unavailable`, in one sentence that names what is missing and the
 * variable it was given by, without the value, which may hold a password.
 */
export async function reach<T>(server: string, variable: string, connecting: Promise<T>): Promise<T> {
  try {
    return await connecting
  } catch (cause) {
    throw new FreeholdError('substrate_unavailable', `${server} is not usable (${reasonOf(cause)}); see ${variable}`, {
      cause,
    })
  }
}

/** First line of the error; of several tries at one name (IPv4 and IPv6) that of the first. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
  return line
}
