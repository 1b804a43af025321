import { request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApi } from '../../../api/server.ts'
import { manifest, openTestApi, type TestApi } from './support.ts'

let api: TestApi
beforeAll(async () => {
  api = await openTestApi()
})
afterAll(async () => {
  await api.close()
})

const listen = () => startApi({ ...api.deps, host: '127.0.0.1', port: 0 })

test('stopping ends event streams and frees the port', async () => {
  const { url, stop } = await listen()
  const headers = { authorization: `Bearer ${api.keys.admin}` }
  const { body } = await api.call('POST', '/v1/tenants', { body: manifest() })
  const stream = await fetch(`${url}/v1/operations/${body.operation.id}/stream`, { headers })
  const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader()
  expect((await reader?.read())?.value).toContain('event: operation')
  const end = reader?.read()
  await Promise.all([stop(), stop()])
  expect(await end).toEqual({ done: true, value: undefined })
  await expect(fetch(`${url}/healthz`)).rejects.toThrow('fetch failed')
})

test('a chunked body over the limit is refused, and so is a header that is too long', async () => {
  const { url, stop } = await listen()
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const headers = { authorization: `Bearer ${api.keys.admin}`, 'content-type': 'application/yaml' }
    const call = request(`${url}/v1/tenants`, { method: 'POST', headers }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    call.once('error', reject)
    for (let count = 0; count < 32; count += 1) call.write('a'.repeat(64 * 1024))
    call.end()
  })
  expect(status).toBe(413)
  expect((await fetch(`${url}/v1/tenants/${'a'.repeat(100_000)}`)).status).toBe(431)
  expect((await fetch(`${url}/healthz`)).status).toBe(200)
  await stop()
})

test('HEAD answers as GET does, without a body', async () => {
  const { url, stop } = await listen()
  const answer = await fetch(`${url}/docs`, { method: 'HEAD' })
  expect([answer.status, await answer.text()]).toEqual([200, ''])
  await stop()
})
