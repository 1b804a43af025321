import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sha256 } from '../../../crypto/tokens.ts'
import type { CellAccess } from '../../../isolation/mapper.ts'
import { createFileSystemStore } from '../../../isolation/mappers/object-store/file-system.ts'
import { createObjectStoreMapper } from '../../../isolation/mappers/object-store/mapper.ts'
import { permissions, type ObjectStore, type Permission } from '../../../isolation/mappers/object-store/port.ts'
import { codeOf, testTenant, type TestTenant } from './support.ts'

let store: ObjectStore
const mapper = createObjectStoreMapper()
const now = new Date('2026-11-01T12:00:00Z')
let root: string
let cell: CellAccess

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'freehold-objects-')))
  store = createFileSystemStore(root)
  cell = {
    name: 'cell',
    region: 'eu-north',
    database: { host: '127.0.0.1', port: 1, name: 'none' },
    objectStore: { kind: 'file-system', root, container: 'data-shared' },
    runtime: { namespace: 'workloads', taskQueue: 'work' },
    network: { policies: root },
    provisionerUrl: '',
  }
})
afterEach(() => rm(root, { recursive: true, force: true }))

const areaOf = (tenant: TestTenant) => ({ container: 'data-shared', prefix: `tenants/${tenant.code}/prod/` })
const folderOf = (tenant: TestTenant) => join(root, 'data-shared/tenants', tenant.code, 'prod')

async function ensured(): Promise<TestTenant> {
  const tenant = testTenant(cell)
  await mapper.ensure(tenant.target('object-store'))
  return tenant
}

async function accessTo(tenant: TestTenant, allowed: readonly Permission[] = permissions, at = now) {
  const signingKey = (await tenant.secrets.read(`secrets/${tenant.code}/prod/object-store`)) ?? ''
  const credential = store.scopedCredential(areaOf(tenant), signingKey, {
    permissions: allowed,
    expiresInSeconds: 60,
    now,
  })
  return { credential, signingKey, objects: store.open(areaOf(tenant), { credential, signingKey, now: () => at }) }
}

const tree = async (folder: string) => (await readdir(folder, { recursive: true })).toSorted()

describe('an area', () => {
  test('holds objects by key, and tells what is in it', async () => {
    const tenant = await ensured()
    const { objects } = await accessTo(tenant)
    await objects.put('invoices/2026/ä.txt', Buffer.from('hello'))
    await objects.put('a', Buffer.from('first'))
    await objects.put('a', Buffer.from('second!'))
    expect(await text(await objects.get('a'))).toBe('second!')
    expect(await objects.list('inv')).toEqual([{ key: 'invoices/2026/ä.txt', size: 5 }])
    expect(await store.inventory(areaOf(tenant))).toEqual([
      { key: 'a', size: 7, sha256: sha256('second!') },
      { key: 'invoices/2026/ä.txt', size: 5, sha256: sha256('hello') },
    ])
    expect(await store.usage(areaOf(tenant))).toEqual({ bytes: 12, objects: 2 })
    expect(await objects.delete('invoices/2026/ä.txt')).toBe(true)
    expect(await objects.delete('invoices/2026/ä.txt')).toBe(false)
    await objects.put('invoices', Buffer.from('no folder in the way'))
    expect(await codeOf(objects.get('gone'))).toBe('not_found')
    expect(await codeOf(objects.put('a/b', Buffer.from('')))).toBe('invalid_request')
  })

  test('a write that breaks off leaves the object as it was', async () => {
    const tenant = await ensured()
    const { objects } = await accessTo(tenant)
    await objects.put('a', Buffer.from('whole'))
    async function* broken() {
      yield Buffer.from('ha')
      throw new Error('cut')
    }
    await expect(objects.put('a', broken())).rejects.toThrow('cut')
    expect(await text(await objects.get('a'))).toBe('whole')
    expect(await tree(folderOf(tenant))).toEqual(['.freehold', '.freehold/area.json', 'a'])
  })

  test.each([
    '../x',
    'a/../../x',
    '/etc/passwd',
    'a//b',
    '',
    '.',
    'a/.',
    'a\\b',
    'a\0b',
    'a\nb',
    '.freehold/area.json',
    '.FREEHOLD/x',
    'x'.repeat(300),
  ])('cannot be left by the key %j', async (key) => {
    const { objects } = await accessTo(await ensured())
    const attempts = [() => objects.put(key, Buffer.from('x')), () => objects.get(key), () => objects.delete(key)]
    for (const attempt of attempts) expect(await codeOf(attempt())).toBe('invalid_request')
  })

  test('symbolic links lead nowhere', async () => {
    const [tenant, other] = [await ensured(), await ensured()]
    await (await accessTo(other)).objects.put('secret', Buffer.from('theirs'))
    await symlink(folderOf(other), join(folderOf(tenant), 'link'))
    await symlink(join(folderOf(other), 'secret'), join(folderOf(tenant), 'file'))
    const { objects } = await accessTo(tenant)
    expect(await codeOf(objects.get('link/secret'))).toBe('forbidden')
    expect(await codeOf(objects.put('link/new/x', Buffer.from('x')))).toBe('forbidden')
    expect(await codeOf(objects.delete('link/secret'))).toBe('forbidden')
    expect(await codeOf(objects.get('file'))).toBe('not_found')
    expect(await objects.list('')).toEqual([])
    expect(await mapper.remove(tenant.target('object-store'))).toEqual({ outcome: 'removed' })
    expect(await store.usage(areaOf(other))).toEqual({ bytes: 6, objects: 1 })
  })
})

describe('a scoped credential', () => {
  test('opens its own area only, for what it allows, until it expires', async () => {
    const [tenant, other] = [await ensured(), await ensured()]
    const { credential, signingKey } = await accessTo(tenant)
    const theirs = await accessTo(other)
    const open = (area: TestTenant, token: string, key: string, at = now) =>
      codeOf(store.open(areaOf(area), { credential: token, signingKey: key, now: () => at }).list(''))
    expect(await open(tenant, credential, signingKey)).toBe('done')
    expect(await open(other, credential, theirs.signingKey)).toBe('unauthenticated')
    expect(await open(other, credential, signingKey)).toBe('unauthenticated')
    expect(await open(tenant, credential, 'another key')).toBe('unauthenticated')
    expect(await open(tenant, credential, signingKey, new Date(now.getTime() + 60_000))).toBe('unauthenticated')
    for (const forged of [
      '',
      'x',
      `${credential}x`,
      `${credential}.x`,
      `${theirs.credential.split('.')[0]}.${credential.split('.')[1]}`,
    ])
      expect(await open(tenant, forged, signingKey)).toBe('unauthenticated')

    const { objects } = await accessTo(tenant, ['read'])
    const refused = [() => objects.put('a', Buffer.from('')), () => objects.list(''), () => objects.delete('a')]
    for (const attempt of refused) expect(await codeOf(attempt())).toBe('forbidden')
    expect(await codeOf(objects.get('a'))).toBe('not_found')
    expect(() => store.scopedCredential(areaOf(tenant), signingKey, { permissions, expiresInSeconds: 0, now })).toThrow(
      'positive',
    )
  })
})

describe('the mapper', () => {
  test('gives the same when run again', async () => {
    const tenant = testTenant(cell)
    const target = (epoch?: number) => tenant.target('object-store', epoch)
    expect(await mapper.observe(target())).toEqual({ exists: false })
    const once = target()
    const made = await Promise.all([mapper.ensure(once), mapper.ensure(once)])
    expect(made).toEqual(
      Array.from({ length: 2 }, () => ({ container: 'data-shared', prefix: `tenants/${tenant.code}/prod/` })),
    )
    const { objects, signingKey } = await accessTo(tenant)
    await objects.put('a', Buffer.from('kept'))
    await mapper.ensure(target())
    expect((await accessTo(tenant)).signingKey).toBe(signingKey)
    const seen = { exists: true, owner: tenant.id, frozen: false, facts: { bytes: 4, objects: 1, epoch: 1 } }
    expect(await mapper.observe(target())).toEqual(seen)

    for (let run = 0; run < 2; run += 1) await mapper.freeze(target(2))
    await mapper.ensure(target(2))
    expect(await mapper.observe(target())).toMatchObject({ frozen: true, facts: { epoch: 2, objects: 1 } })
    expect(await codeOf(objects.get('a'))).toBe('forbidden')
    for (let run = 0; run < 2; run += 1) await mapper.thaw(target(3))
    expect(await text(await objects.get('a'))).toBe('kept')
    expect(await codeOf(mapper.freeze(target(2)))).toBe('operation_superseded')

    expect(await mapper.remove(target())).toEqual({ outcome: 'removed' })
    expect(await mapper.remove(target())).toEqual({ outcome: 'absent' })
    expect(await tree(root)).toEqual([])
    expect(await codeOf(mapper.thaw(target(5)))).toBe('not_found')
  })

  test('what is frozen before it is there is born closed, and a late ensure does not open it', async () => {
    const tenant = testTenant(cell)
    const late = tenant.target('object-store')
    await mapper.freeze(tenant.target('object-store', 2))
    expect(await codeOf(mapper.ensure(late))).toBe('operation_superseded')
    await mapper.ensure(tenant.target('object-store', 2))
    expect(await mapper.observe(tenant.target('object-store'))).toMatchObject({ frozen: true })
    await mapper.thaw(tenant.target('object-store', 3))
    for (const verb of ['ensure', 'freeze', 'thaw', 'remove'] as const)
      expect(await codeOf(mapper[verb](late))).toBe('operation_superseded')
    expect(await mapper.observe(tenant.target('object-store'))).toMatchObject({ frozen: false })
  })

  test('an area from before there were placements and fences is the tenant’s, and gets its tag anew', async () => {
    const tenant = await ensured()
    const tag = join(folderOf(tenant), '.freehold/area.json')
    await writeFile(tag, JSON.stringify({ freehold: tenant.id, frozen: false, epoch: 1 }))
    const target = tenant.target('object-store')
    await mapper.ensure(target)
    expect(JSON.parse(await readFile(tag, 'utf8'))).toEqual({
      freehold: tenant.id,
      placement: 0,
      epoch: 1,
      fence: target.fence,
      frozen: false,
    })
    const elsewhere = { ...target, spec: { ...target.spec, placement: 2 } }
    expect(await codeOf(mapper.ensure(elsewhere))).toBe('resource_not_owned')
    expect(await mapper.remove(elsewhere)).toMatchObject({ outcome: 'not-owned' })
  })

  test('many areas come and go side by side without a trace', async () => {
    const tenants = Array.from({ length: 10 }, () => testTenant(cell))
    await Promise.all(
      tenants.map(async (tenant) => {
        await mapper.ensure(tenant.target('object-store'))
        expect(await mapper.remove(tenant.target('object-store'))).toEqual({ outcome: 'removed' })
      }),
    )
    expect(await tree(root)).toEqual([])
  })

  test('refuses what exists without the tenant’s tag, and changes nothing', async () => {
    const other = testTenant(cell)
    const foreigners: ((tenant: TestTenant) => Promise<unknown>)[] = [
      (tenant) => mkdir(folderOf(tenant), { recursive: true }),
      async (tenant) => {
        await mkdir(folderOf(tenant), { recursive: true })
        await writeFile(join(folderOf(tenant), 'theirs.txt'), 'theirs')
      },
      async (tenant) => {
        await mkdir(join(folderOf(tenant), '..'), { recursive: true })
        await writeFile(folderOf(tenant), 'a file')
      },
      (tenant) => store.ensureArea(areaOf(tenant), { owner: other.id, placement: 0, epoch: 1, fence: 1 }, 'open'),
    ]
    for (const make of foreigners) {
      const tenant = testTenant(cell)
      await make(tenant)
      const before = await tree(root)
      for (const verb of ['ensure', 'freeze', 'thaw'] as const)
        expect(await codeOf(mapper[verb](tenant.target('object-store')))).toBe('resource_not_owned')
      expect(await mapper.observe(tenant.target('object-store'))).toMatchObject({ exists: true })
      expect(await mapper.remove(tenant.target('object-store'))).toMatchObject({ outcome: 'not-owned' })
      expect(await tree(root)).toEqual(before)
    }
  })

  test('a root that is not there is not an empty one', async () => {
    await rm(root, { recursive: true })
    const target = testTenant(cell).target('object-store')
    for (const verb of ['observe', 'ensure', 'remove'] as const)
      expect(await codeOf(mapper[verb](target))).toBe('substrate_unavailable')
  })
})
