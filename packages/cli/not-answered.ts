import { CliError, exitCodes } from './failures.ts'

/** How long one request may take. */
export const requestTimeoutMs = 30_000

/**
 * What to say when a request got no answer that can be used. A refusal by the API (a CliError) stays as it is. `unclear`:
 * it was a change, which may have been carried out all the same.
 */
export function notAnswered(base: string, cause: unknown, { unclear }: { unclear: boolean }): CliError {
  if (cause instanceof CliError) return cause
  const look = 'see with `freehold operations` whether it arrived, then give the same command again'
  if (cause instanceof Error && cause.name === 'TimeoutError')
    return new CliError(exitCodes.timeout, `${base} did not answer in ${requestTimeoutMs / 1000} s`, {
      next: unclear ? look : 'try again; /readyz of the API says what it is waiting for',
    })
  if (cause instanceof SyntaxError)
    return new CliError(exitCodes.unreachable, `what answers at ${base} is not the Freehold API: it sends no JSON`, {
      next: 'check FREEHOLD_URL',
    })
  const { code, message } = root(cause)
  const neverArrived = code === 'ECONNREFUSED' || code === 'ENOTFOUND'
  return new CliError(exitCodes.unreachable, `the API at ${base} is not reachable: ${message}`, {
    next: [
      'start the platform (`npm start` in its clone), or point FREEHOLD_URL to where it runs',
      ...(unclear && !neverArrived ? [look] : []),
    ],
  })
}

/** `fetch` hides why it failed in the cause; several addresses that all refuse are one error without a text. */
function root(cause: unknown): { code: string | undefined; message: string } {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  if (!(inner instanceof Error)) return { code: undefined, message: String(inner) }
  const code = 'code' in inner && typeof inner.code === 'string' ? inner.code : undefined
  return { code, message: inner.message || code || inner.name }
}
