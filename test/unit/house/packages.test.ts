import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { graphOf } from './graph.ts'
import { folderOf } from './imports.ts'
import { workspacesOf } from './workspaces.ts'

const root = join(import.meta.dirname, '../../..')
const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>
}

const workspaces = workspacesOf(root)

/** What the package of a file declares: one below packages/ for itself, everything else for the whole product. */
function declaredFor(file: string): Readonly<Record<string, string>> {
  return workspaces.find(({ folder }) => folder === folderOf(file))?.dependencies ?? dependencies
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
    const missing = packages.filter(({ name, file }) => declaredFor(file)[name] === undefined)
    expect(missing.map(({ name, file }) => `${file} -> ${name}`)).toEqual([])
  },
)

test('what runs in production starts no database server, so the image need not carry one', () => {
  const usesServer = (entries: readonly string[]) => graphOf(root, entries).files.includes('local/postgres/binaries.ts')
  expect(usesServer(['local/main.ts'])).toBe(true)
  expect(usesServer(services)).toBe(false)
})
