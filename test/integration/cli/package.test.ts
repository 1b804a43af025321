import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePorts } from '../../../local/ports.ts'
import { temporaryPrefix } from '../../support/temp-dir.ts'

const root = join(import.meta.dirname, '../../..')
const directory = mkdtempSync(join(tmpdir(), `${temporaryPrefix}${process.pid}-`))
const clone = join(directory, 'clone')
const installed = join(directory, 'node_modules/freehold')

/** Packed in a copy, so that nothing is written into the repository, and unpacked where npm would. */
beforeAll(() => {
  mkdirSync(clone)
  mkdirSync(installed, { recursive: true })
  cpSync(join(root, 'tsconfig.json'), join(clone, 'tsconfig.json'))
  cpSync(join(root, 'cli'), join(clone, 'cli'), {
    recursive: true,
    filter: (file) => basename(file) !== 'node_modules',
  })
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'))
  const { dependencies } = JSON.parse(readFileSync(join(root, 'packages/cli/package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  for (const name of Object.keys(dependencies)) {
    const nested = globSync(`packages/cli/node_modules/${name}`, { cwd: root })
    symlinkSync(join(root, nested[0] ?? `node_modules/${name}`), join(directory, 'node_modules', name))
  }
  symlinkSync(join(directory, 'node_modules'), join(clone, 'packages/cli/node_modules'))
  execFileSync('npm', ['pack', '--silent', '--pack-destination', directory], {
    cwd: join(clone, 'cli'),
    shell: process.platform === 'win32',
  })
  const [archive = ''] = globSync('*.tgz', { cwd: directory })
  execFileSync('tar', ['-xzf', join(directory, archive), '-C', installed, '--strip-components=1'])
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const [port = 0] = await freePorts(1)

function freehold(...args: string[]) {
  const env = { PATH: process.env['PATH'], FREEHOLD_API_KEY: 'fh_test', FREEHOLD_URL: `http://127.0.0.1:${port}` }
  return spawnSync(process.execPath, [join(installed, 'bin.mjs'), ...args], { env, encoding: 'utf8' })
}

test('the package has the program and what describes it, compiled, and nothing else', () => {
  const files = globSync('**/*', { cwd: installed, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
  expect(files.filter((name) => !name.endsWith('.js')).toSorted()).toEqual(['README.md', 'bin.mjs', 'package.json'])
  expect(files.filter((name) => name.endsWith('.js')).length).toBeGreaterThan(20)
})

test('packing leaves nothing behind that would hide later edits of the sources', () => {
  expect(globSync('dist', { cwd: join(clone, 'cli') })).toEqual([])
})

test('installed, it runs without its sources, where Node strips no types, with its version, help and exit codes', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'packages/cli/package.json'), 'utf8')) as { version: string }
  expect(freehold('--version')).toMatchObject({ status: 0, stdout: `${version}\n` })
  expect(freehold('--help').stdout).toContain('apply [options]')
  const dead = freehold('list')
  expect([dead.status, dead.stderr.includes('is not reachable')]).toEqual([4, true])
})
