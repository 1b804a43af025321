import { expect, test } from 'vitest'
import type { Resource } from '../../../packages/sdk/index.ts'
import { json, operation, startFake, tenant } from './support.ts'

function resource(kind: Resource['kind'], name: string, facts: Resource['facts']): Resource {
  const at = '2026-01-01T00:00:00.000Z'
  const place = { environment: 'prod', placement: 1, cell: 'c1' }
  return {
    key: `prod/${kind}`,
    kind,
    ...place,
    name,
    state: 'present',
    facts,
    createdBy: 'o',
    createdAt: at,
    updatedAt: at,
  }
}

test('describe says of a network that others enforce its rules, and of nothing else', async () => {
  await using fake = await startFake(({ path }, response) => {
    if (path.endsWith('/resources'))
      return json(response, 200, {
        items: [
          resource('database', 'warehouse.t_k1_prod', { schemaVersion: '1.4.0' }),
          resource('network', '10.64.0.64/26', { enforcement: 'external' }),
        ],
      })
    return json(response, 200, path.includes('/operations/') ? operation({ state: 'succeeded' }) : tenant('acme'))
  })
  const { exitCode, stdout } = await fake.freehold(['describe', 'acme'])
  expect(exitCode).toBe(0)
  const lines = stdout.split('\n').map((line) => line.trim().split(/ {2,}/))
  expect(lines).toContainEqual(['prod', 'network', 'present', 'c1', '10.64.0.64/26 (enforcement: external)'])
  expect(lines).toContainEqual(['prod', 'database', 'present', 'c1', 'warehouse.t_k1_prod'])
})
