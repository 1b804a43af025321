import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { graphOf } from './graph.ts'
import { workspacesOf } from './workspaces.ts'

const root = join(import.meta.dirname, '../../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const { dependencies, license } = JSON.parse(read('package.json')) as {
  dependencies: Record<string, string>
  license: string
}
const workspaces = workspacesOf(root)

/** What the package of a file declares: one below packages/ for itself, everything else for the whole product. */
function declaredFor(file: string): Readonly<Record<string, string>> {
  return workspaces.find(({ folder }) => file.startsWith(`${folder}/`))?.dependencies ?? dependencies
}

/** The imports of packages that nothing declares where they stand. */
function undeclared(packages: readonly { name: string; file: string }[]): string[] {
  return packages
    .filter(({ name, file }) => declaredFor(file)[name] === undefined)
    .map(({ name, file }) => `${file} -> ${name}`)
}

/** What is started in production, and what the worker bundles; a process of each has only `npm ci --omit=dev`. */
const services = [
  'api/main.ts',
  'worker/main.ts',
  'workflows/index.ts',
  'deploy/setup.ts',
  'packages/service-bus-broker/main.ts',
]

test.each([...services, 'local/main.ts'])(
  '%s runs on dependencies alone: nothing for developers, nothing by chance',
  (entry) => {
    const { files, packages } = graphOf(root, [entry])
    expect([files.length, packages.length].every((count) => count > 0)).toBe(true)
    expect(undeclared(packages)).toEqual([])
  },
)

test('what runs in production starts no database server, so the image need not carry one', () => {
  const usesServer = (entries: readonly string[]) => graphOf(root, entries).files.includes('local/postgres/binaries.ts')
  expect(usesServer(['local/main.ts'])).toBe(true)
  expect(usesServer(services)).toBe(false)
})

test('what speaks for the broker is loaded by the broker alone', () => {
  const { files, packages } = graphOf(root, ['local/main.ts'])
  expect(files.filter((file) => file.startsWith('packages/service-bus-broker/'))).toEqual([])
  expect(packages.filter(({ name }) => ['rhea', 'fast-xml-parser'].includes(name))).toEqual([])
})

describe.each(workspaces)('$folder', ({ folder }) => {
  test('is open source by the same license, and carries its text when it is packed', () => {
    const own = JSON.parse(read(join(folder, 'package.json'))) as { license: string }
    expect([license, own.license]).toEqual(['Apache-2.0', 'Apache-2.0'])
    expect(read('LICENSE')).toContain('Version 2.0, January 2004')
    expect(read(join(folder, 'LICENSE'))).toBe(read('LICENSE'))
  })

  test('has a README', () => {
    expect(read(join(folder, 'README.md'))).toMatch(/^# /)
  })

  test('imports what it declares alone', () => {
    const sources = globSync(`${folder}/**/*.ts`, { cwd: root, exclude: ['**/node_modules', '**/dist'] })
    expect(sources.length).toBeGreaterThan(0)
    const { packages } = graphOf(root, sources)
    expect(undeclared(packages.filter(({ file }) => file.startsWith(`${folder}/`)))).toEqual([])
  })
})
