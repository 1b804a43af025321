import type { Problem } from './api-types.ts'
import { CliError, exitCodes } from './failures.ts'
import { nextStep } from './next-steps.ts'

/**
 * The API's refusal (RFC 9457). `status` is the HTTP status, `retryAfterMs` the pause it asks for, if it is one after
 * which the same request may pass.
 */
export class ApiError extends CliError {
  readonly status: number
  readonly retryAfterMs: number | undefined

  private constructor(status: number, problem: Partial<Problem>, tenant: string | undefined, retryAfterMs?: number) {
    const code = problem.code ?? `http_${status}`
    const next = nextStep(code, tenant)
    super(status >= 500 ? exitCodes.unreachable : exitCodes.refused, problem.detail ?? `the API answered ${status}`, {
      code,
      ...(problem.errors === undefined ? {} : { details: problem.errors }),
      ...(status >= 500 && problem.instance ? { notes: [`request: ${problem.instance}`] } : {}),
      ...(next === undefined ? {} : { next }),
    })
    this.name = 'ApiError'
    this.status = status
    this.retryAfterMs = retryAfterMs
  }

  /** The refusal in a response to a request for `path`; reads its body. */
  static async of(response: Response, path: string): Promise<ApiError> {
    const { status, headers } = response
    const value: unknown = await response.json().catch(() => undefined)
    const problem: Partial<Problem> = typeof value === 'object' && value !== null ? value : {}
    const tenant = /^\/v1\/tenants\/([A-Za-z0-9-]+)/.exec(path)?.[1]
    return new ApiError(status, problem, tenant, pauseOf(status, problem, headers.get('retry-after')))
  }
}

function pauseOf(status: number, { code }: Partial<Problem>, retryAfter: string | null): number | undefined {
  // Only after a cut: the first sending of the same call is still being answered.
  if (code === 'idempotency_in_progress') return 1_000
  if ((status !== 429 && status !== 503) || retryAfter === null) return undefined
  // A number of seconds or a date.
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}
