import { expect, test } from 'vitest'
import type { Target } from '../../../isolation/mapper.ts'
import { createSecretsMapper } from '../../../isolation/mappers/secrets.ts'

function target(tenantId: string, stored = new Map<string, string>()): Target<'secrets'> {
  const below = (prefix: string) => [...stored.keys()].filter((name) => name.startsWith(prefix))
  return {
    tenantId,
    epoch: 1,
    fence: 1,
    birth: 'active',
    signal: new AbortController().signal,
    timeoutMs: 5_000,
    spec: {
      key: 'prod/secrets',
      kind: 'secrets',
      environment: 'prod',
      placement: 0,
      cell: 'c',
      name: 'secrets/abcd1234/prod/',
      after: [],
      properties: { key: 'tenant-key' },
    },
    cell: {
      name: 'c',
      region: 'r',
      provisionerUrl: '',
      database: { host: 'h', port: 1, name: 'd' },
      objectStore: { kind: 'file-system', root: '/', container: 'c' },
      runtime: { namespace: 'n', taskQueue: 'q' },
      network: { policies: '/' },
    },
    bus: undefined,
    secrets: {
      read: async (name) => stored.get(name),
      readOrCreate: async (name, make) => {
        if (!stored.has(name)) stored.set(name, make())
        return stored.get(name) ?? ''
      },
      replace: async (name, value) => void stored.set(name, value),
      list: async (prefix) => below(prefix),
      destroy: async (prefix) => below(prefix).filter((name) => stored.delete(name)).length,
    },
  }
}

const mapper = createSecretsMapper()

test('proves that the tenant’s key opens, says whose the secrets are, and destroys all of them', async () => {
  const stored = new Map([['secrets/abcd1234/staging/x', 'kept']])
  const mine = target('tenant-1', stored)
  expect(await mapper.observe(mine)).toEqual({ exists: false })
  for (let run = 0; run < 2; run += 1) expect(await mapper.ensure(mine)).toEqual({ prefix: 'secrets/abcd1234/prod/' })
  await mine.secrets.replace('secrets/abcd1234/prod/database-1', 'x')
  expect(await mapper.observe(mine)).toEqual({ exists: true, owner: 'tenant-1', frozen: false, facts: { secrets: 2 } })
  expect(await mapper.remove(mine)).toEqual({ outcome: 'removed' })
  expect(await mapper.remove(mine)).toEqual({ outcome: 'absent' })
  expect([...stored.keys()]).toEqual(['secrets/abcd1234/staging/x'])
})

test('takes a tag without a placement for its own, and writes it anew', async () => {
  const name = 'secrets/abcd1234/prod/canary'
  const stored = new Map([[name, '{"freehold":"tenant-1"}']])
  await mapper.ensure(target('tenant-1', stored))
  expect(stored.get(name)).toBe('{"freehold":"tenant-1","placement":0}')
})

test('refuses a prefix in use by another tenant', async () => {
  const stored = new Map<string, string>()
  await mapper.ensure(target('tenant-1', stored))
  await expect(mapper.ensure(target('tenant-2', stored))).rejects.toMatchObject({ code: 'resource_not_owned' })
})
