import { globSync, readFileSync } from 'node:fs'
import { basename, join, sep } from 'node:path'
import { expect, test } from 'vitest'
import { folderOf, importsOf, violations } from './imports.ts'
import { packageOf, workspacesOf } from './workspaces.ts'

const root = join(import.meta.dirname, '../../..')
const workspaces = workspacesOf(root)
const packages = globSync('packages/*', { cwd: root }).map((folder) => folder.replaceAll(sep, '/'))
const core = ['domain', 'crypto', 'base']
const product = [...core, 'registry', 'isolation', 'operations', 'events', 'activities', 'workflows', 'worker', 'api']
const formal = ['invariants', 'safeguards', 'search'].map((name) => `test/formal/${name}.ts`)
const stack = ['domain', 'base', 'registry', 'worker', 'api', 'local', 'packages/sdk', 'examples']
/** Who may import whom; every folder may import itself. */
const rules: Record<string, string[]> = {
  domain: [],
  crypto: ['domain'],
  base: ['domain'],
  registry: core,
  isolation: core,
  operations: [...core, 'registry', 'isolation/strategies/by-profile.ts'],
  events: [...core, 'registry'],
  workflows: ['domain', 'base/search-attributes.ts', 'type activities'],
  activities: [...core, 'registry', 'isolation', 'operations'],
  api: [...core, 'registry', 'isolation/strategies/by-profile.ts', 'operations', 'type workflows'],
  worker: product.filter((folder) => folder !== 'api'),
  // Packages may import each other as their package.json says.
  ...Object.fromEntries(packages.map((folder) => [folder, packagesNeededBy(folder)])),
  // What users copy: it asks the API like anybody, and knows nothing of ours but the packages that they have too.
  examples: ['packages/sdk', 'packages/tenant-worker'],
  deploy: [...core, 'registry', 'isolation'],
  local: [...product, 'deploy', ...packages, 'examples'],
  // The API describes itself: its OpenAPI document, and from it the types of its clients, are written by a script. Another
  // records histories on a stack of its own, one moves the shop of the examples, and one runs the model of the cut.
  scripts: [...stack, 'bench/quantile.ts', 'bench/service-process.ts', ...formal],
  bench: [...product, 'deploy', 'local', ...packages, 'examples'],
}

/** Folders of the packages of ours that this one declares to need. */
function packagesNeededBy(folder: string): string[] {
  const needed = workspaces.find((one) => one.folder === folder)?.dependencies ?? {}
  return workspaces.filter(({ name }) => needed[name] !== undefined).map((one) => one.folder)
}

const files = globSync('**/*.ts', { cwd: root, exclude: ['**/node_modules', '**/dist', '.*', 'test'] })
  .map((file) => file.replaceAll(sep, '/'))
  .filter((file) => folderOf(file) !== 'test')
const source = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]))

test('every folder with source has a rule', () => {
  const folders = new Set(files.map(folderOf).filter((folder) => folder !== ''))
  expect(folders).toContain('domain')
  expect([...folders].filter((folder) => rules[folder] === undefined)).toEqual([])
})

test('nobody imports what the table does not allow', () => {
  expect([...source].flatMap(([file, text]) => violations(file, text, rules, workspaces))).toEqual([])
})

test('packages declare every package that they import, and the product those of ours', () => {
  const rootFile = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as (typeof workspaces)[number]
  const undeclared = [...source].flatMap(([file, text]) => {
    const own = workspaces.find(({ folder }) => folder === folderOf(file))
    const names = importsOf(text)
      .filter(({ specifier }) => !/^(\.|node:)/.test(specifier))
      .map(({ specifier }) => packageOf(specifier))
    const wanted = own === undefined ? names.filter((name) => workspaces.some((one) => one.name === name)) : names
    const { dependencies } = own ?? rootFile
    return wanted.filter((name) => dependencies[name] === undefined).map((name) => `${file} -> ${name}`)
  })
  expect(undeclared).toEqual([])
})

test('a package of ours counts as its folder, by whichever name it is imported', () => {
  const found = (file: string, text: string) => violations(file, text, rules, workspaces)
  const bySdk = `import { createClient } from '@freehold/sdk'`
  const byLinks = `import { openTenantLinks } from '@freehold/tenant-worker/topics'`
  expect(found('packages/cli/planted.ts', bySdk)).toEqual([])
  expect(found('packages/cli/planted.ts', byLinks)).toEqual([
    'packages/cli/planted.ts -> packages/tenant-worker/topics/index.ts',
  ])
  expect(found('packages/sdk/planted.ts', `import { run } from '../cli/main.ts'`)).toHaveLength(1)
  expect(found('api/planted.ts', bySdk)).toEqual(['api/planted.ts -> packages/sdk/index.ts'])
  expect(found('packages/tenant-worker/planted.ts', `import { x } from '../../domain/x.ts'`)).toHaveLength(1)
})

test('domain and workflows use nothing of Node, for they run in the sandbox of workflows', () => {
  const pure = [...source].filter(([file]) => ['domain', 'workflows'].includes(folderOf(file)))
  const used = pure.flatMap(([file, text]) => importsOf(text).map(({ specifier }) => `${file} -> ${specifier}`))
  expect(used.length).toBeGreaterThan(20)
  expect(used.filter((line) => line.includes('-> node:'))).toEqual([])
})

test('few files share a name, so that a name says which one is meant', () => {
  // A process is started by the main.ts of its folder.
  const names = files.map((file) => basename(file)).filter((name) => name !== 'main.ts')
  const shared = Object.entries(Object.groupBy(names, (name) => name)).filter(([, same = []]) => same.length > 6)
  expect(shared.map(([name]) => name)).toEqual([])
})
const generated = ['packages/sdk/generated.ts']

test('source files are short: none over 400 lines, the median under 80', () => {
  const written = [...source].filter(
    ([file]) => folderOf(file) !== 'bench' && !file.includes('/migrations/') && !generated.includes(file),
  )
  const lengths = written
    .map(([file, text]) => ({ file, lines: text.split('\n').length - 1 }))
    .toSorted((a, b) => a.lines - b.lines)
  expect(lengths.filter(({ lines }) => lines > 400)).toEqual([])
  expect(lengths[Math.floor(lengths.length / 2)]?.lines).toBeLessThan(80)
})

test.each([
  ['one line', `import { x } from '../registry/x.ts'`],
  ['double quotes', `import { x } from "../registry/x.ts"`],
  ['many lines', `import {\n  x, // why\n  y,\n} from '../registry/x.ts'`],
  ['a default', `import x, { y } from '../registry/x.ts'`],
  ['all of it', `import * as x from '../registry/x.ts'`],
  ['a side effect', `import '../registry/x.ts'`],
  ['types', `import type { X } from '../registry/x.ts'`],
  ['an export', `export {\n  x,\n} from '../registry/x.ts'`],
  ['an export of all', `export * from '../registry/x.ts'`],
  ['a dynamic import', `const x = await import('../registry/x.ts')`],
  ['after other code', `export const a = 'b'\n\nimport { x } from '../registry/x.ts'`],
  ['a way round', `import { x } from '../registry/x.ts'`],
])('a forbidden import is found: %s', (_, text) => {
  expect(violations('domain/planted.ts', text, rules)).toEqual(['domain/planted.ts -> registry/x.ts'])
})

test('a rule for types or for one file allows no more than that', () => {
  const found = (text: string) => violations('workflows/planted.ts', text, rules)
  expect(found(`import type { A } from '../activities/a.ts'`)).toEqual([])
  expect(found(`import { type A } from '../activities/a.ts'`)).toHaveLength(1)
  expect(found(`import { a } from '../activities/a.ts'`)).toHaveLength(1)
  expect(found(`import { a } from '../base/search-attributes.ts'`)).toEqual([])
  expect(found(`import { a } from '../base/config.ts'`)).toHaveLength(1)
})

test('packages, own files and texts that look like imports are no violation', () => {
  const text = `import { z } from 'zod'\nimport { a } from './a.ts'\nconst s = "import x from '../registry/x.ts'"\n`
  expect(violations('domain/planted.ts', text, rules)).toEqual([])
})
