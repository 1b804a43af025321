import { errorText, FreeholdError } from '../domain/errors.ts'

/**
 * Runs a service as this process and ends the process with it: 0 when it came to its end, 1 when it failed, with one
 * sentence on standard error. Of an error nobody foresaw the stack is told and nothing else, for its properties may hold
 * a connection URL.
 */
export async function runService(name: string, main: () => Promise<void>): Promise<never> {
  try {
    await main()
    process.exit(0)
  } catch (error) {
    const text = error instanceof FreeholdError ? error.message : error instanceof Error ? error.stack : String(error)
    console.error(`freehold ${name}: ${text}`)
    process.exit(1)
  }
}

/** Ends when the process is told to stop. */
export async function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(signal))
  })
}

/**
 * What `connecting` gives; its failure as `substrate_unavailable`, in one sentence that names what is missing and the
 * variable it was given by, without the value, which may hold a password. `configuration_invalid` names its own variable
 * and passes as it is.
 */
export async function reach<T>(server: string, variable: string, connecting: Promise<T>): Promise<T> {
  try {
    return await connecting
  } catch (cause) {
    if (cause instanceof FreeholdError && cause.code === 'configuration_invalid') throw cause
    throw new FreeholdError('substrate_unavailable', `${server} is not usable (${reasonOf(cause)}); see ${variable}`, {
      cause,
    })
  }
}

/** First line of the error; of several tries at one name (IPv4 and IPv6) that of the first. */
function reasonOf(error: unknown): string {
  const [line = ''] = errorText(error).split('\n')
  return line
}
