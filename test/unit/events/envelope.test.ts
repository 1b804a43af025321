import { randomBytes, randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { canonicalText } from '../../../crypto/hash-chain.ts'
import { createSigner } from '../../../crypto/signing.ts'
import { tenantProperty } from '../../../domain/tenant-messages.ts'
import { envelopes } from '../../../events/envelope.ts'

const signer = createSigner(randomBytes(32))
const stream = '0195f3a0-0000-7000-8000-000000000001'

/** An event as the registry keeps it. */
function stored(changes: { stream?: string; data?: object; operationId?: string } = {}) {
  const body = {
    id: randomUUID(),
    stream,
    seq: 12,
    type: 'TENANCY_RESOURCE_CREATED',
    time: '2026-11-21T07:00:00.123Z',
    actor: 'system:worker',
    correlationId: 'c-1',
    data: { key: 'prod/topic', environment: 'prod' },
    ...changes,
  }
  const hash = randomBytes(32).toString('hex')
  const text = canonicalText(JSON.parse(JSON.stringify(body)))
  return { id: body.id, event: { stream: body.stream, seq: 12, body: text, previousHash: 'aa', hash } }
}

test('an event becomes a CloudEvent 1.0 whose id is the id of the message', () => {
  const { id, event } = stored({ operationId: 'o-1' })
  const { body, ...message } = envelopes(signer)(event)
  expect(message).toEqual({
    id,
    type: 'TENANCY_RESOURCE_CREATED',
    contentType: 'application/cloudevents+json',
    properties: { type: 'TENANCY_RESOURCE_CREATED', sequence: 12, [tenantProperty]: stream, environment: 'prod' },
  })
  expect(body).toEqual({
    specversion: '1.0',
    id,
    source: `/freehold/tenants/${stream}`,
    type: 'TENANCY_RESOURCE_CREATED',
    time: '2026-11-21T07:00:00.123Z',
    subject: stream,
    datacontenttype: 'application/json',
    dataschema: 'https://freehold.dev/schemas/events/TENANCY_RESOURCE_CREATED/v1',
    sequence: '0000000000000012',
    tenantid: stream,
    environment: 'prod',
    actor: 'system:worker',
    operationid: 'o-1',
    correlationid: 'c-1',
    previoushash: 'aa',
    hash: event.hash,
    keyid: signer.publicKey.kid,
    data: { key: 'prod/topic', environment: 'prod' },
    signature: expect.stringMatching(/^[\w-]{86}$/),
  })
  for (const name of Object.keys(body)) expect(name).toMatch(/^[a-z0-9]{1,20}$/)
})

test('the signature is over everything else, in canonical form', () => {
  const { signature, ...event } = envelopes(signer)(stored().event).body
  expect(signature).toBe(signer.sign(canonicalText(event)))
})

test('an event of the platform names no tenant', () => {
  const { body, properties } = envelopes(signer)(stored({ stream: 'platform', data: { cell: 'c' } }).event)
  expect(body).toMatchObject({ source: '/freehold/platform', subject: 'platform' })
  expect(body).not.toHaveProperty('tenantid')
  expect(properties).toMatchObject({ [tenantProperty]: '', environment: '' })
})

test('an event too large for a message goes without its data and says where to read it', () => {
  const { body } = envelopes(signer)(stored({ data: { text: 'x'.repeat(300_000) } }).event)
  expect(body).not.toHaveProperty('data')
  expect(body['dataref']).toBe(`/v1/tenants/${stream}/events?after=11&limit=1`)
  expect(JSON.stringify(body).length).toBeLessThan(2_000)
})
