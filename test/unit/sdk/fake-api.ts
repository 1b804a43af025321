import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Operation, Relocation, Tenant } from '../../../packages/sdk/index.ts'

export type Received = { method: string; path: string; headers: IncomingMessage['headers']; body: string }
export type Answer = (request: Received, response: ServerResponse) => void

/** A stand-in for the API on a port of its own; it notes what it receives. */
export async function startFakeApi(answer: Answer) {
  const received: Received[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      const one = { method, path: url, headers, body }
      received.push(one)
      answer(one, response)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0

  return {
    received,
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' })
  response.end(JSON.stringify(body))
}

/** An operation of tenant acme as the API shows it. */
export function operation(change: Partial<Operation> = {}): Operation {
  return {
    id: '019a0000-0000-7000-8000-000000000001',
    kind: 'provision',
    tenant: { id: '019a0000-0000-7000-8000-00000000000a', slug: 'acme' },
    generation: 1,
    attempt: 1,
    state: 'running',
    intent: 'forward',
    phase: 'ensure',
    abortable: true,
    actor: 'key:admin',
    reason: null,
    correlationId: 'c',
    result: null,
    policyVersion: 0,
    verdict: null,
    workflowId: 'provision/1',
    links: {},
    steps: [{ key: 'database', title: 'Create the database', state: 'pending' }],
    revision: 1,
    error: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    startedAt: null,
    finishedAt: null,
    ...change,
  }
}

/** A move of tenant acme as the API shows it. */
export function relocation(change: Partial<Relocation> = {}): Relocation {
  return {
    id: '019a0000-0000-7000-8000-00000000000d',
    environment: 'prod',
    source: 1,
    target: 2,
    profile: 'st-dedicated',
    state: 'moving',
    phase: 'preflight',
    progress: {},
    cut: null,
    rollback: null,
    verified: null,
    soakUntil: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    updatedAt: '2026-01-01T00:00:00.000Z',
    allowed: ['abort'],
    ...change,
  }
}

/** A tenant as the API shows it. */
export function tenant(slug: string): Tenant {
  return {
    id: '019a0000-0000-7000-8000-00000000000a',
    code: 'k1',
    slug,
    name: slug,
    labels: {},
    profile: 'mt-standard',
    plan: 'pro',
    region: 'eu-north',
    state: 'active',
    conditions: [],
    purgeAfter: null,
    generation: 1,
    observedGeneration: 1,
    environments: [{ name: 'prod', placement: 1, cell: 'c1', state: 'active', epoch: 1 }],
    dataKey: 'd',
    createdAt: '2026-01-01T00:00:00.000Z',
    updatedAt: '2026-01-01T00:00:00.000Z',
    allowed: [],
    operation: { id: '019a0000-0000-7000-8000-000000000001', kind: 'provision', state: 'succeeded' },
  }
}
