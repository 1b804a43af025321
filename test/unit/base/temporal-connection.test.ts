import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readConfig } from '../../../base/config.ts'
import { secretResolver } from '../../../base/secret-reference.ts'
import { temporalConnectionOptions } from '../../../base/temporal-connection.ts'
import { createAuthority } from '../../support/certificates.ts'

const directory = mkdtempSync(join(tmpdir(), 'freehold-tls-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
const file = (as: string, text: string) => {
  writeFileSync(join(directory, as), text)
  return join(directory, as)
}
const authority = createAuthority('unit')
const [one, other] = [authority.client('one'), authority.client('other')]
const [ca, cert, key] = [file('ca.pem', authority.cert), file('one.pem', one.cert), file('one.key', one.key)]
const otherKey = file('other.key', other.key)
const none = join(directory, 'none.pem')

async function options(variables: Record<string, string>) {
  const config = readConfig({ TEMPORAL_ADDRESS: 'temporal:7233', ...variables })
  return temporalConnectionOptions({ ...config, TEMPORAL_ADDRESS: 'temporal:7233' }, secretResolver({ KEY: 'sesame' }))
}

test('nothing set is no TLS; anything set is TLS', async () => {
  expect(await options({})).toEqual({ address: 'temporal:7233' })
  expect(await options({ TEMPORAL_TLS: 'false' })).toEqual({ address: 'temporal:7233' })
  expect(await options({ TEMPORAL_TLS: 'true' })).toEqual({ address: 'temporal:7233', tls: {} })
  const api = await options({ TEMPORAL_API_KEY: 'env:KEY' })
  expect(api).toEqual({ address: 'temporal:7233', tls: {}, apiKey: 'sesame' })
  const all = await options({
    TEMPORAL_TLS_CA_FILE: ca,
    TEMPORAL_TLS_CERT_FILE: cert,
    TEMPORAL_TLS_KEY_FILE: key,
    TEMPORAL_TLS_SERVER_NAME: 'temporal.example',
  })
  expect(all.tls).toEqual({
    serverNameOverride: 'temporal.example',
    serverRootCACertificate: Buffer.from(authority.cert),
    clientCertPair: { crt: Buffer.from(one.cert), key: Buffer.from(one.key) },
  })
})

test.each<[string, Record<string, string>, string]>([
  ['a file that is missing', { TEMPORAL_TLS_CA_FILE: none }, `TEMPORAL_TLS_CA_FILE: ${none} cannot be read (ENOENT`],
  ['no certificate', { TEMPORAL_TLS_CA_FILE: key }, `TEMPORAL_TLS_CA_FILE: ${key} holds no certificate in PEM`],
  [
    'no private key',
    { TEMPORAL_TLS_CERT_FILE: cert, TEMPORAL_TLS_KEY_FILE: ca },
    `TEMPORAL_TLS_KEY_FILE: ${ca} holds no private key in PEM`,
  ],
  ['half a pair', { TEMPORAL_TLS_CERT_FILE: cert }, 'is set without TEMPORAL_TLS_KEY_FILE'],
  ['the other half', { TEMPORAL_TLS_KEY_FILE: key }, 'is set without TEMPORAL_TLS_CERT_FILE'],
  [
    'a pair that is none',
    { TEMPORAL_TLS_CERT_FILE: cert, TEMPORAL_TLS_KEY_FILE: otherKey },
    `the key of TEMPORAL_TLS_KEY_FILE (${otherKey}) does not belong to the certificate in ${cert}`,
  ],
  [
    'a key in the clear',
    { TEMPORAL_TLS: 'false', TEMPORAL_API_KEY: 'env:KEY' },
    'TEMPORAL_API_KEY need an encrypted connection',
  ],
  ['a secret that is missing', { TEMPORAL_API_KEY: 'env:NO_KEY' }, 'variable NO_KEY is not set'],
  ['no truth value', { TEMPORAL_TLS: 'yes' }, 'TEMPORAL_TLS: '],
  ['no server', { TEMPORAL_TLS: 'true', TEMPORAL_ADDRESS: '' }, 'TEMPORAL_TLS is set without TEMPORAL_ADDRESS'],
])('%s is refused in a sentence that names the variable', async (_, variables, sentence) => {
  const failure = await options(variables).catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 'configuration_invalid' })
  expect(String(failure)).toContain(sentence)
  expect(String(failure)).not.toContain('sesame')
})
