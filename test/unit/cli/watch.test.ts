import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import type { Operation, Step } from '../../../packages/sdk/index.ts'
import { json, operation, startFake, tenant } from './support.ts'

const id = operation().id

function step(state: Step['state']): Operation['steps'] {
  return [{ key: 'database', title: 'Create the database', state }]
}

function open(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
}

function send(response: ServerResponse, one: Operation): void {
  response.write(`id: ${one.revision}\nevent: operation\ndata: ${JSON.stringify(one)}\n\n`)
}

test('watch resumes behind the last event after a cut and shows each change once', async () => {
  let streams = 0
  await using fake = await startFake(({ path }, response) => {
    if (path === '/v1/tenants/acme') return json(response, 200, tenant('acme'))
    streams += 1
    if (streams === 2) return json(response, 503, { code: 'not_ready', detail: 'starting' })
    open(response)
    if (streams === 1) {
      send(response, operation({ revision: 4, steps: step('running') }))
      response.write('id: 5\nevent: operation\ndata: {"cut', () => response.destroy())
      return
    }
    send(response, operation({ revision: 6, state: 'succeeded', phase: 'done', steps: step('done') }))
  })
  const { exitCode, stdout } = await fake.freehold(['watch', 'acme'])
  expect(exitCode).toBe(0)
  const streamed = fake.received.filter(({ path }) => path === `/v1/operations/${id}/stream`)
  expect(streamed.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '4', '4'])
  expect(stdout).toBe(
    [
      'provision acme: Create the database: running',
      'provision acme: running (ensure)',
      'the connection is lost; trying again, while the operation goes on',
      'provision acme: Create the database: done',
      'provision acme: succeeded',
      '',
    ].join('\n'),
  )
})

test('an id that is nobody’s is told to be neither', async () => {
  await using fake = await startFake(({ path }, response) => {
    const code = path.includes('/operations/') ? 'operation_not_found' : 'tenant_not_found'
    json(response, 404, { code, detail: 'there is none' })
  })
  const { exitCode, stderr } = await fake.freehold(['watch', id])
  expect([exitCode, stderr.split('\n')[0]]).toEqual([3, `error: there is neither an operation nor a tenant ${id}`])
  expect((await fake.freehold(['watch', 'nobody'])).stderr).toContain('code: tenant_not_found')
})

test('an operation that failed is 1, with its error, its step and what to do', async () => {
  await using fake = await startFake(({ path }, response) => {
    if (!path.endsWith('/stream')) return json(response, 200, operation())
    open(response)
    const error = { code: 'migration_failed', message: '002.sql:3: syntax error', step: 'migrate' }
    send(response, operation({ state: 'failed', error }))
  })
  const { exitCode, stderr } = await fake.freehold(['watch', id])
  expect(exitCode).toBe(1)
  expect(stderr).toContain('error: provision of acme failed: 002.sql:3: syntax error\ncode: migration_failed\n')
  expect(stderr).toContain('at step: migrate\nnext: freehold retry acme --wait')
})

test.each([
  [true, ['freehold retry acme --wait', 'freehold abort acme --wait']],
  [false, ['freehold retry acme --wait']],
])('what can be undone (%s) is offered to be undone', async (abortable, offered) => {
  await using fake = await startFake(({ path }, response) => {
    if (!path.endsWith('/stream')) return json(response, 202, { operation: operation() })
    open(response)
    send(response, operation({ abortable, state: 'interrupted' }))
  })
  const { stderr } = await fake.freehold(['retry', 'acme', '--wait'])
  expect(Array.from(stderr.matchAll(/freehold (?:retry|abort) acme --wait/g), ([line]) => line)).toEqual(offered)
})

test('abort --wait takes aborted for a good end, and an interrupted operation is not waited for', async () => {
  let state: Operation['state'] = 'aborted'
  await using fake = await startFake(({ path }, response) => {
    if (!path.endsWith('/stream')) return json(response, 202, { operation: operation() })
    open(response)
    send(response, operation({ state }))
  })
  expect((await fake.freehold(['abort', 'acme', '--wait', '--reason', 'wrong plan'])).exitCode).toBe(0)
  expect(fake.received[0]).toMatchObject({ path: '/v1/tenants/acme/abort', body: '{"reason":"wrong plan"}' })
  state = 'interrupted'
  const retried = await fake.freehold(['retry', 'acme', '--wait'])
  expect(retried.exitCode).toBe(1)
  expect(retried.stderr).toContain('next: freehold retry acme')
})

test('a timeout is 5 and says how to go on', async () => {
  await using fake = await startFake(({ path }, response) => {
    if (!path.endsWith('/stream')) return json(response, 202, { operation: operation() })
    open(response)
  })
  const { exitCode, stderr } = await fake.freehold(['purge', 'acme', '--confirm', 'acme', '--wait', '--timeout', '1'])
  expect(exitCode).toBe(5)
  expect(stderr).toContain(`next: freehold watch ${id}`)
  expect(fake.received[0]).toMatchObject({ method: 'POST', path: '/v1/tenants/acme/purge' })
})

test('watch --output json keeps standard output for the operation', async () => {
  await using fake = await startFake(({ path }, response) => {
    if (!path.endsWith('/stream')) return json(response, 200, operation({ state: 'succeeded' }))
    open(response)
    response.end('event: end\ndata: {}\n\n')
  })
  const { stdout } = await fake.freehold(['watch', id, '-o', 'json'])
  expect(JSON.parse(stdout)).toMatchObject({ id, state: 'succeeded' })
})

test.each([['watch'], ['retry']])('%s --output json has the operation also when it failed', async (command) => {
  const failed = operation({ state: 'failed', error: { code: 'migration_failed', message: 'no' } })
  await using fake = await startFake(({ path }, response) => {
    if (path.endsWith('/retry')) return json(response, 202, { operation: operation({ state: 'accepted' }) })
    if (!path.endsWith('/stream')) return json(response, 200, tenant('acme'))
    open(response)
    send(response, failed)
  })
  const wait = command === 'retry' ? ['--wait'] : []
  const { exitCode, stdout } = await fake.freehold([command, 'acme', ...wait, '-o', 'json'])
  expect([exitCode, JSON.parse(stdout)]).toEqual([1, failed])
})
