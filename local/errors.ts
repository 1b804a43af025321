/**
 * Why the local stack cannot start or stop, as one sentence for a person at a terminal: what is wrong, where, and what
 * to do. `main.ts` prints the message alone and exits non-zero; it never holds a secret.
 */
export class LocalStackError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'LocalStackError'
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The system error code (`ENOENT`, `EADDRINUSE`, …) of anything that was thrown, or undefined. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
