import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Connection } from '@temporalio/client'
import { NativeConnection } from '@temporalio/worker'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { readConfig } from '../../../base/config.ts'
import { temporalConnectionOptions, type TemporalConnectionOptions } from '../../../base/temporal-connection.ts'
import { ensureNamespaces } from '../../../deploy/temporal-namespaces.ts'
import { createAuthority } from '../../support/certificates.ts'
import { startService } from '../../support/service.ts'
import { startTlsFront } from '../../support/tls-front.ts'
import { createWorld, manifest } from '../../support/world.ts'

/** Temporal behind TLS: every connection of ours uses what the configuration says, and none goes around it. */
const name = 'temporal.example'
const ours = createAuthority('ours')
const pair = ours.server(name)
const client = ours.client('freehold')
const directory = mkdtempSync(join(tmpdir(), 'freehold-tls-'))
const file = (text: string, as: string) => {
  writeFileSync(join(directory, as), text)
  return join(directory, as)
}
const trust = { TEMPORAL_TLS_CA_FILE: file(ours.cert, 'ca.pem'), TEMPORAL_TLS_SERVER_NAME: name }
const shown = {
  TEMPORAL_TLS_CERT_FILE: file(client.cert, 'client.pem'),
  TEMPORAL_TLS_KEY_FILE: file(client.key, 'client.key'),
}
const stranger = createAuthority('stranger')

let open: Awaited<ReturnType<typeof startTlsFront>>
let guarded: Awaited<ReturnType<typeof startTlsFront>>
beforeAll(async () => {
  open = await startTlsFront(inject('temporalAddress'), { pair })
  guarded = await startTlsFront(inject('temporalAddress'), { pair, clientAuthority: ours.cert })
})
afterAll(() => {
  open.stop()
  guarded.stop()
  rmSync(directory, { recursive: true, force: true })
})

const optionsOf = async (address: string, variables: Record<string, string> = {}) => {
  const config = readConfig({ TEMPORAL_ADDRESS: address, ...variables })
  return temporalConnectionOptions({ ...config, TEMPORAL_ADDRESS: address }, async () => 'the-api-key')
}
const connections = {
  client: async (options: TemporalConnectionOptions) => {
    const connection = await Connection.connect({ ...options, connectTimeout: 3_000 })
    await connection.workflowService.describeNamespace({ namespace: 'freehold' })
    await connection.close()
  },
  worker: async (options: TemporalConnectionOptions) => {
    const connection = await NativeConnection.connect({ ...options })
    await connection.workflowService.describeNamespace({ namespace: 'freehold' })
    await connection.close()
  },
}

/** How the SDK says that nothing was reached. */
const refusals = { client: 'Failed to connect before the deadline', worker: 'transport' }

describe.each(['client', 'worker'] as const)('the connection of a %s', (kind) => {
  const reaching = async (address: string, variables?: Record<string, string>) =>
    connections[kind](await optionsOf(address, variables))

  it('gets in with the authority that issued the certificate', async () => {
    await expect(reaching(open.address, trust)).resolves.toBeUndefined()
  })

  it.concurrent('shows its certificate where one is demanded', async () => {
    await expect(reaching(guarded.address, { ...trust, ...shown })).resolves.toBeUndefined()
  })

  it.concurrent.each([
    ['no TLS', {}],
    ['public authorities alone', { TEMPORAL_TLS: 'true', TEMPORAL_TLS_SERVER_NAME: name }],
    ['another authority', { ...trust, TEMPORAL_TLS_CA_FILE: file(stranger.cert, 'stranger.pem') }],
    ['another name', { ...trust, TEMPORAL_TLS_SERVER_NAME: 'other.example' }],
  ])('does not get in with %s', async (_, variables) => {
    await expect(reaching(open.address, variables)).rejects.toThrow(refusals[kind])
  })

  it.concurrent('does not get in without the certificate that is demanded', async () => {
    await expect(reaching(guarded.address, trust)).rejects.toThrow(refusals[kind])
  })

  it('sends the API key, and only over TLS', async () => {
    const keys = new Set<unknown>()
    const server = createSecureServer({ ...pair })
    server.on('stream', (stream, headers) => {
      keys.add(headers.authorization)
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '16' }, { endStream: true })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
    await expect(reaching(address, { ...trust, TEMPORAL_API_KEY: 'env:KEY' })).rejects.toThrow(
      /^Failed to (connect to|call)/,
    )
    server.close()
    expect([...keys]).toEqual(['Bearer the-api-key'])
    expect((await optionsOf(address, { TEMPORAL_API_KEY: 'env:KEY' })).tls).toEqual({})
  })
})

it('setup, API and worker work behind mutual TLS, to the last step of a tenant', async () => {
  const variables = { TEMPORAL_ADDRESS: guarded.address, ...trust, ...shown }
  await ensureNamespaces(await optionsOf(guarded.address, { ...trust, ...shown }), [
    { name: 'freehold', retentionDays: 1 },
  ])
  const world = await createWorld()
  const environment = { ...world.environment, ...variables }
  const services = await Promise.all([startService('api', environment), startService('worker', environment)])
  const accepted = await fetch(`${services[0].url}/v1/tenants`, {
    method: 'POST',
    headers: { authorization: `Bearer ${world.key}`, 'content-type': 'application/json' },
    body: JSON.stringify(manifest('behind-tls')),
  })
  const { operation } = (await accepted.json()) as { operation: { id: string } }
  expect(await world.until(operation.id, 'succeeded')).toMatchObject({ kind: 'provision' })
  await Promise.all(services.map((service) => service.stop()))
  await world.close()
})
