import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createSigner } from '../../../crypto/signing.ts'
import { json, startFake } from './support.ts'

const signer = createSigner(randomBytes(32))
const id = '019a0000-0000-7000-8000-00000000000a'
const other = '019a0000-0000-7000-8000-00000000000b'
const common = { version: 1, tenant: { id, code: 'k1', slug: 'acme' }, at: '2026-01-01T00:00:00.000Z' }
const operation = { id: other, actor: 'key:admin', reason: null }
const certificate = {
  ...common,
  operation,
  removed: [{ key: 'prod/topic', name: 'tenant-k1-prod', result: 'removed', foundAgain: 'nothing' }],
  key: { destroyed: true, fingerprint: 'ab' },
  trail: { stream: id, seq: 3, head: 'cd' },
  backups: 'Copies last.',
}
const restored = { ...common, operation, proven: 'compared with what is there now', archives: [] }

function signed(of: object) {
  const document = JSON.stringify(of)
  return { kind: 'deletion-certificate', document, signature: signer.sign(document), keyId: signer.publicKey.kid }
}

/** The program against an API that has this report for whomever it is asked for. */
async function shown(report: object, args: string[]) {
  await using fake = await startFake(({ path }, response) =>
    json(response, 200, path.startsWith('/v1') ? { items: [report] } : { keys: [signer.publicKey] }),
  )
  writeFileSync(join(fake.cwd, 'report.json'), JSON.stringify(report))
  writeFileSync(join(fake.cwd, 'keys.json'), JSON.stringify({ keys: [signer.publicKey] }))
  return await fake.freehold(['certificate', ...args])
}
const file = ['--file', 'report.json', '--keys', 'keys.json']

test('a certificate is shown for its tenant, and from a file', async () => {
  for (const args of [[id], [id.toUpperCase()], file]) {
    const { exitCode, stdout } = await shown(signed(certificate), args)
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining('its signature is genuine')])
  }
})

test.each(['table', 'json'])('the certificate of one tenant is none of another (%s)', async (format) => {
  const { exitCode, stdout, stderr } = await shown(signed(certificate), [other, '--output', format])
  expect([exitCode, stdout]).toEqual([1, ''])
  expect(stderr).toContain(id)
})

test.each(['table', 'json'])('what else the platform has signed is no certificate (%s)', async (format) => {
  const { exitCode, stdout, stderr } = await shown(signed(restored), [...file, '--output', format])
  expect([exitCode, stdout]).toEqual([1, ''])
  expect(stderr).toContain('code: not_a_certificate')
})
