import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Answer, Question } from './decide.ts'

/** How far the clock of the platform may be from ours. */
const toleranceSeconds = 300

/**
 * A governance endpoint: checks the signature of each question, and signs its answer with the same secret and the same id
 * (Standard Webhooks, HMAC-SHA-256). Asked twice under one id, it may answer twice.
 */
export function createEndpoint(secret: string, decide: (question: Question) => Answer): Server {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret)
  const sign = (id: string, timestamp: string, body: string) =>
    `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const question = await text(request)
    const id = header(request, 'webhook-id')
    const timestamp = header(request, 'webhook-timestamp')
    const isNow = Math.abs(Date.now() / 1_000 - Number(timestamp)) < toleranceSeconds
    if (!isNow || !isEqual(header(request, 'webhook-signature'), sign(id, timestamp, question))) {
      response.writeHead(401).end()
      return
    }
    const body = JSON.stringify(decide(JSON.parse(question) as Question))
    const now = String(Math.floor(Date.now() / 1_000))
    response.writeHead(200, {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': now,
      'webhook-signature': sign(id, now, body),
    })
    response.end(body)
  }

  return createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
}

function header({ headers }: IncomingMessage, name: string): string {
  const value = headers[name]
  return typeof value === 'string' ? value : ''
}

function isEqual(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}
