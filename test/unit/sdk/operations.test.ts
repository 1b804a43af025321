import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { createClient, OperationTimeoutError, type Operation } from '../../../packages/sdk/index.ts'
import { json, operation, startFakeApi } from './fake-api.ts'

const apiKey = 'fh_test'
const { id } = operation()

function open(response: ServerResponse, ...states: Operation[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
  for (const state of states)
    response.write(`id: ${state.revision}\nevent: operation\ndata: ${JSON.stringify(state)}\n\n`)
}

test('following gives every state once, over a cut and over a connection that went silent', async () => {
  await using api = await startFakeApi((_, response) => {
    const turn = api.received.length
    open(response, operation({ revision: turn, state: turn === 3 ? 'succeeded' : 'running' }))
    if (turn === 1) setTimeout(() => response.destroy(), 50)
  })
  const client = createClient({ url: api.url, apiKey })
  const seen: number[] = []
  let cuts = 0
  const follow = client.followOperation(id, { silenceMs: 300, onCut: () => (cuts += 1) })
  for await (const { revision } of follow) seen.push(revision)
  expect([seen, cuts]).toEqual([[1, 2, 3], 2])
  expect(api.received.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '1', '2'])
})

test('waiting gives the last state, whichever it is, and every state on the way', async () => {
  const states = [operation({ revision: 2 }), operation({ revision: 3, state: 'interrupted' })]
  await using api = await startFakeApi((_, response) => open(response, ...states))
  const seen: Operation[] = []
  const last = await createClient({ url: api.url, apiKey }).waitForOperation(id, { onUpdate: (one) => seen.push(one) })
  expect([last.state, seen]).toEqual(['interrupted', states])
})

test('waiting ends by its time, or by the signal of the caller, whose reason is thrown', async () => {
  await using api = await startFakeApi((_, response) => open(response, operation()))
  const client = createClient({ url: api.url, apiKey })
  const late = client.waitForOperation(id, { timeoutMs: 100 })
  await expect(late).rejects.toThrow(OperationTimeoutError)
  await expect(late).rejects.toMatchObject({ operationId: id })
  const reason = new Error('enough')
  const controller = new AbortController()
  const onUpdate = () => controller.abort(reason)
  await expect(client.waitForOperation(id, { signal: controller.signal, onUpdate })).rejects.toBe(reason)
})

test('a refusal ends it, also after a cut', async () => {
  await using api = await startFakeApi((_, response) => {
    if (api.received.length > 1) return json(response, 401, { code: 'unauthenticated', detail: 'no' })
    open(response, operation())
    setTimeout(() => response.destroy(), 50)
  })
  await expect(createClient({ url: api.url, apiKey }).waitForOperation(id)).rejects.toMatchObject({ status: 401 })
})

test('who stops following closes the connection', async () => {
  const closed = Promise.withResolvers<void>()
  await using api = await startFakeApi((_, response) => {
    response.on('close', () => closed.resolve())
    open(response, operation())
  })
  const follow = createClient({ url: api.url, apiKey }).followOperation(id)
  expect((await follow.next()).value).toEqual(operation())
  await follow.return()
  await closed.promise
  expect(api.received).toHaveLength(1)
})
