import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePorts } from '../../../local/ports.ts'
import { temporaryPrefix } from '../../support/temp-dir.ts'

const root = join(import.meta.dirname, '../../..')
const directory = mkdtempSync(join(tmpdir(), `${temporaryPrefix}${process.pid}-`))
const clone = join(directory, 'clone')
const modules = join(directory, 'node_modules')
/** Folder below packages/ of each package, by its name; one that needs another stands behind it. */
const packages = { '@freehold/sdk': 'sdk', freehold: 'cli', '@freehold/tenant-worker': 'tenant-worker' }

type Manifest = {
  version: string
  exports?: unknown
  dependencies: Record<string, string>
  peerDependencies?: Record<string, string>
}
const manifest = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as Manifest

/** Packed in a copy, so that nothing is written into the repository, and unpacked where npm would. */
beforeAll(() => {
  cpSync(join(root, 'tsconfig.json'), join(clone, 'tsconfig.json'), { recursive: true })
  cpSync(join(root, 'package.json'), join(clone, 'package.json'))
  for (const folder of Object.values(packages))
    cpSync(join(root, 'packages', folder), join(clone, 'packages', folder), {
      recursive: true,
      filter: (file) => basename(file) !== 'node_modules',
    })
  mkdirSync(join(clone, 'node_modules'))
  for (const name of ['typescript', '@types/node'])
    link(join(root, 'node_modules', name), join(clone, 'node_modules'), name)
  for (const [name, folder] of Object.entries(packages)) {
    const to = join(clone, 'packages', folder)
    link(to, join(clone, 'node_modules'), name)
    const { dependencies, peerDependencies } = manifest(join(to, 'package.json'))
    for (const needed of Object.keys({ ...dependencies, ...peerDependencies }).filter(isForeign)) {
      const [found = join('node_modules', needed)] = globSync(`packages/${folder}/node_modules/${needed}`, {
        cwd: root,
      })
      link(join(root, found), join(to, 'node_modules'), needed)
      link(join(root, found), modules, needed)
    }
  }
  for (const [name, folder] of Object.entries(packages)) {
    const cwd = join(clone, 'packages', folder)
    const archive = execFileSync('npm', ['pack', '--silent', '--pack-destination', directory], {
      cwd,
      encoding: 'utf8',
      shell: process.platform === 'win32',
    })
    const installed = join(modules, name)
    mkdirSync(installed, { recursive: true })
    execFileSync('tar', ['-xzf', join(directory, archive.trim()), '-C', installed, '--strip-components=1'])
  }
}, 120_000)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function isForeign(name: string): boolean {
  return !(name in packages)
}

function link(target: string, folder: string, name: string): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true })
  rmSync(join(folder, name), { recursive: true, force: true })
  symlinkSync(target, join(folder, name))
}

const [port = 0] = await freePorts(1)

function freehold(...args: string[]) {
  const env = { PATH: process.env['PATH'], FREEHOLD_API_KEY: 'fh_test', FREEHOLD_URL: `http://127.0.0.1:${port}` }
  return spawnSync(process.execPath, [join(modules, 'freehold/bin.mjs'), ...args], { env, encoding: 'utf8' })
}

function files(folder: string): string[] {
  return globSync('**/*', { cwd: folder, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
}

test('the command line has the program and what describes it, compiled, and nothing else', () => {
  const names = files(join(modules, 'freehold'))
  expect(names.filter((name) => !name.endsWith('.js') && name !== 'LICENSE').toSorted()).toEqual([
    'README.md',
    'bin.mjs',
    'package.json',
  ])
  expect(names.filter((name) => name.endsWith('.js')).length).toBeGreaterThan(15)
  expect(names).not.toContain('generated.js')
})

test.each(['@freehold/sdk', '@freehold/tenant-worker'])('%s has its program with types, and no sources', (name) => {
  const names = files(join(modules, name))
  expect(names).toEqual(expect.arrayContaining(['index.js', 'index.d.ts', 'README.md']))
  expect(names.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))).toEqual([])
})

test('packing leaves nothing behind that would hide later edits of the sources', () => {
  expect(globSync('packages/*/dist', { cwd: clone })).toEqual([])
  for (const folder of Object.values(packages)) {
    const { exports } = manifest(join(root, 'packages', folder, 'package.json'))
    expect(manifest(join(clone, 'packages', folder, 'package.json')).exports).toEqual(exports)
  }
})

test('packages need each other in the version that they have', () => {
  const needed = Object.keys(packages)
    .flatMap((name) => Object.entries(manifest(join(modules, name, 'package.json')).dependencies))
    .filter(([name]) => !isForeign(name))
  expect(needed.length).toBe(2)
  expect(needed.map(([name]) => [name, manifest(join(modules, name, 'package.json')).version])).toEqual(needed)
})

test('installed, it runs without its sources, where Node strips no types, with its version, help and exit codes', () => {
  const { version } = manifest(join(root, 'packages/cli/package.json'))
  expect(freehold('--version')).toMatchObject({ status: 0, stdout: `${version}\n` })
  expect(freehold('--help').stdout).toContain('apply [options]')
  const dead = freehold('list')
  expect([dead.status, dead.stderr.includes('is not reachable')]).toEqual([4, true])
})

test('installed, the client and the worker of tenants are there for a program of their users', () => {
  const script = `
    import { createClient } from '@freehold/sdk'
    import { createTenantDatabases } from '@freehold/sdk/database'
    import { kyselyOf } from '@freehold/sdk/kysely'
    import { openTenantLinks } from '@freehold/tenant-worker/topics'
    import { startTenantWorker } from '@freehold/tenant-worker/worker'
    import { startTenantWorkflow } from '@freehold/tenant-worker/client'
    import { tried } from '@freehold/tenant-worker/workflow'
    const all = [createClient, createTenantDatabases, kyselyOf, openTenantLinks, startTenantWorker, startTenantWorkflow, tried]
    console.log(...new Set(all.map((one) => typeof one)))`
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { cwd: directory, encoding: 'utf8' })
  expect([run.stderr, run.stdout]).toEqual(['', 'function\n'])
})
