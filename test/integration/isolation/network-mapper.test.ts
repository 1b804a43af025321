import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { CellAccess, Target } from '../../../isolation/mapper.ts'
import { createNetworkMapper } from '../../../isolation/mappers/network.ts'
import { codeOf, testTenant, type TestTenant } from './support.ts'

const mapper = createNetworkMapper()
let policies: string
let cell: CellAccess
let tenant: TestTenant

beforeEach(async () => {
  policies = await realpath(await mkdtemp(join(tmpdir(), 'freehold-policies-')))
  cell = {
    name: 'cell',
    region: 'eu-north',
    database: { host: 'db.example', port: 5432, name: 'warehouse' },
    objectStore: { kind: 'file-system', root: policies, container: 'data-shared' },
    runtime: { namespace: 'workloads', taskQueue: 'work' },
    network: { policies },
    provisionerUrl: '',
  }
  tenant = testTenant(cell)
})
afterEach(() => rm(policies, { recursive: true, force: true }))

const at = (epoch = 1, of = tenant) => of.target('network', epoch)
const fileOf = (of = tenant) => join(policies, `${of.code}-prod-1.json`)
const policy = async () => JSON.parse(await readFile(fileOf(), 'utf8'))
const facts = () => ({ segment: '10.64.0.64/26', policy: `${tenant.code}-prod-1.json`, enforcement: 'external' })

describe('every verb gives the same when it is run again', () => {
  test('ensure', async () => {
    const target = at()
    expect(await mapper.ensure(target)).toEqual(facts())
    const first = await readFile(fileOf(), 'utf8')
    expect(await mapper.ensure(target)).toEqual(facts())
    expect(await readFile(fileOf(), 'utf8')).toBe(first)
    expect(await mapper.observe(at())).toEqual({
      exists: true,
      owner: tenant.id,
      frozen: false,
      facts: { ...facts(), epoch: 1 },
    })
    expect(await readdir(policies)).toEqual([`${tenant.code}-prod-1.json`])
  })

  test('freeze and thaw: a frozen segment may nothing, and stays frozen when it is ensured', async () => {
    await mapper.ensure(at())
    const open = await policy()
    for (let run = 0; run < 2; run += 1) await mapper.freeze(at(2))
    for (const verb of ['observe', 'ensure'] as const) {
      await mapper[verb](at(2))
      expect(await policy()).toEqual({ ...open, fence: expect.any(Number), epoch: 2, frozen: true, rules: [] })
    }
    expect(await mapper.observe(at(2))).toMatchObject({ frozen: true, facts: { epoch: 2 } })
    for (let run = 0; run < 2; run += 1) await mapper.thaw(at(3))
    expect(await policy()).toEqual({ ...open, fence: expect.any(Number), epoch: 3 })
  })

  test('remove: nothing is left, and the neighbour is as it was', async () => {
    const neighbour = testTenant(cell)
    await mapper.ensure(at(1, neighbour))
    await mapper.ensure(at())
    expect(await mapper.remove(at())).toEqual({ outcome: 'removed' })
    expect(await mapper.remove(at())).toEqual({ outcome: 'absent' })
    expect(await mapper.observe(at())).toEqual({ exists: false })
    expect(await readdir(policies)).toEqual([`${neighbour.code}-prod-1.json`])
  })
})

describe('a later epoch', () => {
  test('wins: an earlier one changes nothing', async () => {
    await mapper.ensure(at())
    await mapper.freeze(at(5))
    const frozen = await policy()
    for (const verb of ['ensure', 'freeze', 'thaw'] as const)
      expect(await codeOf(mapper[verb](at(4)))).toBe('operation_superseded')
    expect(await policy()).toEqual(frozen)
  })
})

describe('a file that is not of this tenant', () => {
  const foreign: [string, (path: string) => Promise<unknown>][] = [
    ['no policy', (path) => writeFile(path, 'hands off')],
    ['JSON of another form', (path) => writeFile(path, '{"owner":7}')],
    [
      'of another tenant',
      (path) => writeFile(path, '{"owner":"other","epoch":1,"frozen":false,"segment":"10.0.0.0/8"}'),
    ],
    ['a folder', (path) => mkdir(path)],
    [
      'a link to the policy of another tenant',
      async (path) => {
        const other = testTenant(cell)
        await mapper.ensure(at(1, other))
        await symlink(fileOf(other), path)
      },
    ],
  ]
  test.each(foreign)('%s: is refused and left alone', async (_, make) => {
    await make(fileOf())
    const look = async () =>
      Promise.all(
        (await readdir(policies)).toSorted().map((name) => readFile(join(policies, name), 'utf8').catch(String)),
      )
    const before = await look()
    for (const verb of ['ensure', 'freeze', 'thaw'] as const)
      expect(await codeOf(mapper[verb](at()))).toBe('resource_not_owned')
    expect(await mapper.remove(at())).toMatchObject({ outcome: 'not-owned' })
    const observed = await mapper.observe(at())
    expect(observed.exists && observed.owner).not.toBe(tenant.id)
    expect(await look()).toEqual(before)
  })
})

describe('what goes wrong', () => {
  test('a policy removed by hand is written anew by each verb, closed where the tenant is to be closed', async () => {
    await mapper.freeze(at(2))
    expect(await policy()).toMatchObject({ frozen: true, rules: [] })
    await rm(fileOf())
    await mapper.thaw(at(3))
    expect((await policy()).rules).not.toEqual([])
  })

  test('a folder that is not there is not taken for an empty one, and is not made', async () => {
    await rm(policies, { recursive: true })
    for (const verb of ['observe', 'ensure', 'freeze', 'thaw', 'remove'] as const) {
      const work = mapper[verb](at())
      await expect(work).rejects.toMatchObject({ code: 'substrate_unavailable', retry: true })
      await expect(work).rejects.toThrow(policies)
    }
    await expect(readdir(policies)).rejects.toThrow('ENOENT')
  })

  test.each(['../outside.json', '/etc/outside.json', 'a/b.json', '.json', 'x.json\0', '..'])(
    'a file name that leads elsewhere is refused: %j',
    async (file) => {
      const { spec, ...rest } = at()
      const target: Target<'network'> = { ...rest, spec: { ...spec, properties: { ...spec.properties, file } } }
      for (const verb of ['observe', 'ensure', 'freeze', 'thaw', 'remove'] as const)
        await expect(mapper[verb](target)).rejects.toThrow('Invalid string')
      expect(await readdir(policies)).toEqual([])
    },
  )
})
