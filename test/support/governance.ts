import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { signatureKey, signMessage } from '../../crypto/message-signature.ts'
import type { Question } from '../../domain/governance.ts'
import { freePorts } from '../../local/ports.ts'

/** What an endpoint that may do wrong answers; parts that are left out are as they should be. */
export type Reply = {
  status?: number
  body?: string
  id?: string
  timestamp?: number
  key?: Buffer
  headers?: Record<string, string>
}
type Behaviour = (question: Question, seen: { id: string; count: number }) => Reply | Promise<Reply>

/** An answer that allows. */
export const allow = ({ nonce }: Question): Reply => ({ body: JSON.stringify({ nonce, verdict: 'allow' }) })
/** An answer that denies by a rule. */
export const deny = ({ nonce }: Question): Reply => ({
  body: JSON.stringify({
    nonce,
    verdict: 'deny',
    reasons: [{ rule: 'no-fridays', message: 'it is Friday', remedy: 'wait for Monday' }],
  }),
})

/** A governance endpoint that behaves as each test says, and what a world needs to ask it. */
export async function openGovernance(settings: string) {
  const secret = `whsec_${randomBytes(32).toString('base64')}`
  const key = signatureKey(secret, 'the secret of the test')
  const [port = 0] = await freePorts(1)
  const asked: { id: string; question: Question }[] = []
  const behaviours = new Map<string, Behaviour>()
  let server: Server | undefined

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request)
    const question = JSON.parse(body) as Question
    const id = String(request.headers['webhook-id'])
    asked.push({ id, question })
    const timestamp = Number(request.headers['webhook-timestamp'])
    if (request.headers['webhook-signature'] !== signMessage(key, { id, timestamp, body }))
      throw new Error('the question is not signed as it should be')
    const count = asked.filter((one) => one.question.tenant.slug === question.tenant.slug).length
    const reply = await (behaviours.get(question.tenant.slug) ?? allow)(question, { id, count })
    const message = { id: reply.id ?? id, timestamp: reply.timestamp ?? timestamp, body: reply.body ?? '' }
    response.writeHead(reply.status ?? 200, {
      'webhook-id': message.id,
      'webhook-timestamp': String(message.timestamp),
      'webhook-signature': signMessage(reply.key ?? key, message),
      ...reply.headers,
    })
    response.end(message.body)
  }

  return {
    asked,
    /** Of one tenant, by its slug. */
    askedOf: (slug: string) => asked.filter(({ question }) => question.tenant.slug === slug),
    secret,
    /** What a world needs that asks it. */
    world: {
      environment: { GOVERNANCE_SECRET: secret },
      platform: (file: string) =>
        `${file.trimEnd()}\n  endpoint: { url: "http://127.0.0.1:${port}/verdicts", secret: "env:GOVERNANCE_SECRET", ${settings} }\n`,
    },
    /** From now on it behaves so about this tenant. */
    behave: (slug: string, behaviour: Behaviour) => void behaviours.set(slug, behaviour),
    async up(): Promise<void> {
      server = createServer((request, response) => {
        answer(request, response).catch((error: unknown) => response.destroy(error as Error))
      })
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    },
    async down(): Promise<void> {
      if (server === undefined) return
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      server = undefined
      await closed
    },
  }
}
export type Governance = Awaited<ReturnType<typeof openGovernance>>
