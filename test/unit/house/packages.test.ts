import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { graphOf, type Use } from './graph.ts'

const root = join(import.meta.dirname, '../../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
type Manifest = { name: string; license?: string; workspaces?: string[]; dependencies?: Record<string, string> }
const manifestOf = (folder: string) => JSON.parse(read(join(folder, 'package.json'))) as Manifest

/** Folder of every package of the repository but the root. */
const workspaces = globSync(manifestOf('.').workspaces ?? [], { cwd: root }).map((folder) =>
  folder.replaceAll('\\', '/'),
)

/** What is started in production, and what the worker bundles; a process of each has only `npm ci --omit=dev`. */
const services = [
  'api/main.ts',
  'worker/main.ts',
  'workflows/index.ts',
  'deploy/setup.ts',
  'packages/service-bus-broker/main.ts',
]

/** A file may use what its own package declares; the root's dependencies are those of every file in no other package. */
function undeclared({ name, file }: Use): boolean {
  const home = workspaces.find((folder) => file.startsWith(`${folder}/`)) ?? '.'
  return manifestOf(home).dependencies?.[name] === undefined
}

test.each([...services, 'local/main.ts'])(
  '%s runs on dependencies alone: nothing for developers, nothing by chance',
  (entry) => {
    const { files, packages } = graphOf(root, [entry])
    expect([files.length, packages.length].every((count) => count > 0)).toBe(true)
    expect(packages.filter(undeclared)).toEqual([])
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

describe.each(workspaces)('%s', (folder) => {
  test('is open source by the same license, and carries its text when it is packed', () => {
    expect([manifestOf('.').license, manifestOf(folder).license]).toEqual(['Apache-2.0', 'Apache-2.0'])
    expect(read('LICENSE')).toContain('Version 2.0, January 2004')
    expect(read(join(folder, 'LICENSE'))).toBe(read('LICENSE'))
  })

  test('has a README, and is installed in the image', () => {
    expect(read(join(folder, 'README.md'))).toContain('# ')
    expect(read('Dockerfile')).toContain(`COPY ${folder}/package.json ${folder}/\n`)
  })

  test('imports nothing of ours but what it declares', () => {
    const sources = globSync(`${folder}/**/*.ts`, { cwd: root, exclude: ['**/node_modules', '**/dist'] })
    const { files, packages } = graphOf(root, sources)
    expect(sources.length).toBeGreaterThan(0)
    expect(files.map((file) => dirname(file)).filter((place) => !`${place}/`.startsWith(`${folder}/`))).toEqual([])
    expect(packages.filter(undeclared)).toEqual([])
  })
})
