import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { json, startFake } from './support.ts'

const change = {
  action: 'remove',
  resource: 'staging/1/database',
  kind: 'database',
  environment: 'staging',
  cell: 'eu-north-1',
  from: null,
  to: null,
  irreversible: true,
  steps: [],
}
const previewOf = (more: object) => ({
  slug: 'acme',
  operation: 'update',
  generation: 2,
  changed: true,
  fields: [{ path: 'spec.environments' }],
  changes: [change],
  violations: [],
  ...more,
})

test('a preview marks what cannot be undone, and is asked for with the manifest alone', async () => {
  await using fake = await startFake((_, response) => json(response, 200, previewOf({})))
  writeFileSync(join(fake.cwd, 't.yaml'), 'metadata: { slug: acme }\n')
  const { exitCode, stdout } = await fake.freehold(['preview', '-f', 't.yaml'])
  expect(exitCode).toBe(0)
  expect(fake.received.map(({ method, path }) => [method, path])).toEqual([['POST', '/v1/tenants:preview']])
  expect(stdout).toContain('acme: update, generation 2')
  expect(stdout).toContain('- remove !')
  expect(stdout).toContain('cannot be undone')
})

test('a preview of what is in force says so; one that the policy denies ends as a refusal, with what to do', async () => {
  await using fake = await startFake((request, response) =>
    json(
      response,
      200,
      request.body.includes('same')
        ? previewOf({ operation: null, changed: false, fields: [], changes: [] })
        : previewOf({
            violations: [{ rule: 'plan', path: 'spec.plan', message: 'free is not allowed', remedy: 'take pro' }],
          }),
    ),
  )
  writeFileSync(join(fake.cwd, 'same.yaml'), 'metadata: { slug: same }\n')
  writeFileSync(join(fake.cwd, 'denied.yaml'), 'metadata: { slug: acme }\n')
  expect(await fake.freehold(['preview', '-f', 'same.yaml'])).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('in force already') as string,
  })
  const denied = await fake.freehold(['preview', '-f', 'denied.yaml'])
  expect(denied.exitCode).toBe(3)
  expect(denied.stdout).toContain('DENIED by plan (spec.plan): free is not allowed; take pro')
})

test('a diff names what differs and ends with 1; without a difference it ends with 0', async () => {
  const drift = [{ resource: 'prod/topic', kind: 'missing', message: 'it is not there' }]
  const tenant = { id: '01900000-0000-7000-8000-000000000001', slug: 'acme' }
  await using fake = await startFake((request, response) =>
    json(response, 200, { tenant, generation: 1, drift: request.path.includes('drifted') ? drift : [] }),
  )
  const drifted = await fake.freehold(['diff', 'drifted'])
  expect(drifted.exitCode).toBe(1)
  expect(drifted.stdout).toContain('prod/topic')
  expect(drifted.stderr).toContain('code: drifted')
  expect(await fake.freehold(['diff', 'whole'])).toMatchObject({ exitCode: 0 })
})

test('an export is a manifest that can be applied, on the output or in a file', async () => {
  const manifest = { apiVersion: 'freehold.dev/v1alpha1', kind: 'Tenant', metadata: { slug: 'acme' } }
  await using fake = await startFake((_, response) => json(response, 200, manifest))
  const { stdout } = await fake.freehold(['export', 'acme'])
  expect(stdout).toBe('apiVersion: freehold.dev/v1alpha1\nkind: Tenant\nmetadata:\n  slug: acme\n')
  await fake.freehold(['export', 'acme', '-f', 'acme.yaml'])
  expect(readFileSync(join(fake.cwd, 'acme.yaml'), 'utf8')).toBe(stdout)
  expect(await fake.freehold(['export', 'acme', '-f', 'nowhere/acme.yaml'])).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('error: cannot write nowhere/acme.yaml: ENOENT\n'),
  })
})
