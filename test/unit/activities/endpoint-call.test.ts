import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { callEndpoint } from '../../../activities/endpoint-call.ts'
import { signatureKey } from '../../../crypto/message-signature.ts'
import type { Question } from '../../../domain/governance.ts'
import { platformSchema } from '../../../domain/platform.ts'
import { unknownNames } from '../../../domain/policy-names.ts'
import { rulesSchema } from '../../../domain/policy.ts'
import { decide } from '../../../examples/governance/decide.ts'
import { createEndpoint } from '../../../examples/governance/endpoint.ts'

/** What users copy works: the endpoint answers what the platform asks, and the rules can be put in force. */
const secret = `whsec_${randomBytes(32).toString('base64')}`
const server = createEndpoint(secret, decide)
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(() => {
  server.close()
  server.closeAllConnections()
})

function ask(
  command: Question['command'],
  labels: Record<string, string>,
  more: { secret?: string; now?: number; port?: number; timeoutMs?: number } = {},
) {
  const { port } = server.address() as AddressInfo
  return callEndpoint({
    url: `http://127.0.0.1:${more.port ?? port}/`,
    key: signatureKey(more.secret ?? secret, 'the secret'),
    id: 'operation.1',
    question: {
      version: 1,
      nonce: 'operation',
      command,
      tenant: { id: 'id', slug: 'acme', profile: 'mt-standard', plan: 'pro', region: 'eu-north', labels },
      generation: 1,
      policyVersion: 0,
      at: '2026-01-01T00:00:00.000Z',
    },
    now: more.now ?? Math.floor(Date.now() / 1_000),
    timeoutMs: more.timeoutMs ?? 5_000,
    signal: new AbortController().signal,
  })
}

test('the example allows, and keeps what is under legal hold', async () => {
  expect(await ask('purge', {})).toMatchObject({ outcome: 'allow' })
  expect(await ask('provision', { hold: 'legal' })).toMatchObject({ outcome: 'allow' })
  expect(await ask('purge', { hold: 'legal' })).toMatchObject({
    outcome: 'deny',
    code: 'policy_denied',
    message: expect.stringContaining('acme is under legal hold (rule legal-hold; have the hold lifted'),
    reasons: [{ rule: 'legal-hold' }],
  })
})

test.each([
  ['another secret', { secret: 'x'.repeat(24) }],
  ['another time', { now: 1_600_000_000 }],
])('the example answers nobody with %s', async (_, more) => {
  await expect(ask('purge', {}, more)).rejects.toMatchObject({
    code: 'governance_unavailable',
    message: 'the governance endpoint answers with status 401',
  })
})

test.each([
  ['after its head', (response: ServerResponse) => response.flushHeaders()],
  ['in the middle of its body', (response: ServerResponse) => response.write('{')],
])('an answer that stops %s is no longer waited for', async (_, begin) => {
  const stopping = createServer((_request, response) => {
    begin(response)
  })
  stopping.listen(0, '127.0.0.1')
  await once(stopping, 'listening')
  try {
    const { port } = stopping.address() as AddressInfo
    await expect(ask('purge', {}, { port, timeoutMs: 200 })).rejects.toMatchObject({
      code: 'governance_unavailable',
      message: 'the governance endpoint did not answer within 200 ms',
    })
  } finally {
    stopping.close()
    stopping.closeAllConnections()
  }
})

test('the example of rules can be put in force on the example of a platform', () => {
  const rules = rulesSchema.parse(parse(readFileSync('examples/policies.yaml', 'utf8')).rules)
  const platform = platformSchema.parse(parse(readFileSync('examples/platform.yaml', 'utf8')))
  expect(rules.length).toBeGreaterThan(4)
  expect(unknownNames(rules, platform)).toEqual([])
})
