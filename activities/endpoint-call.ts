import { isSigned, signMessage } from '../crypto/message-signature.ts'
import { FreeholdError } from '../domain/errors.ts'
import { governanceAnswer, verdictOf, type Question, type Verdict } from '../domain/governance.ts'

const maximumBytes = 64 * 1024
/** How far the clock of the endpoint may be from ours. */
const toleranceSeconds = 300

/** One try: where to, what with, and until when. */
export type EndpointCall = {
  readonly url: string
  readonly key: Buffer
  readonly id: string
  readonly question: Question
  /** Seconds since 1970, at this try. */
  readonly now: number
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/**
 * Asks the governance endpoint once, both ways signed as Standard Webhooks are. Throws `governance_unavailable` when no
 * answer comes, in time and with status 200, and `governance_answer_invalid` for an answer that is not the endpoint's, or
 * not to this question. Redirects are not followed.
 */
export async function callEndpoint(call: EndpointCall): Promise<Verdict> {
  const { url, key, id, question, now: timestamp, timeoutMs, signal } = call
  const body = JSON.stringify(question)
  const timeout = AbortSignal.timeout(timeoutMs)
  try {
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      headers: {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(timestamp),
        'webhook-signature': signMessage(key, { id, timestamp, body }),
      },
      body,
      signal: AbortSignal.any([signal, timeout]),
    })
    if (response.status !== 200) {
      await response.body?.cancel()
      throw unavailable(`answers with status ${response.status}`)
    }
    return readVerdict(call, response.headers, await boundedText(response))
  } catch (error) {
    if (error instanceof FreeholdError) throw error
    if (signal.aborted) throw signal.reason
    if (timeout.aborted) throw unavailable(`did not answer within ${timeoutMs} ms`)
    throw unavailable(`cannot be reached (${reasonOf(error)})`, error)
  }
}

/** Why there is no connection, without an address: tenants read what is told of it. */
function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: { code?: unknown } }
  return typeof cause?.code === 'string' ? cause.code : 'no connection'
}

/** Text of a body, read no further than it may be long. */
async function boundedText({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body ?? []) {
    length += chunk.length
    if (length > maximumBytes) throw invalid(`is larger than ${maximumBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function readVerdict({ key, id, question, now }: EndpointCall, headers: Headers, body: string): Verdict {
  const timestamp = Number(headers.get('webhook-timestamp') ?? Number.NaN)
  const signatures = headers.get('webhook-signature') ?? ''
  if (headers.get('webhook-id') !== id) throw invalid('has a webhook-id that is not that of the question')
  if (!isSigned(key, { id, timestamp, body }, signatures)) throw invalid('has no valid signature')
  if (Math.abs(timestamp - now) > toleranceSeconds) throw invalid('has a timestamp that is too far from now')
  const answer = governanceAnswer.safeParse(asJson(body))
  if (!answer.success) {
    const [issue] = answer.error.issues
    throw invalid(`does not say what it must: ${issue?.path.join('.') || 'the body'}: ${issue?.message}`)
  }
  if (answer.data.nonce !== question.nonce) throw invalid('has a nonce that is not that of the question')
  return verdictOf(question.command, answer.data)
}

function asJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

function unavailable(what: string, cause?: unknown): FreeholdError {
  return new FreeholdError('governance_unavailable', `the governance endpoint ${what}`, { cause })
}

function invalid(what: string): FreeholdError {
  return new FreeholdError('governance_answer_invalid', `the answer of the governance endpoint ${what}; it was refused`)
}
