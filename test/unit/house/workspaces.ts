import { globSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'

type PackageFile = {
  name: string
  private?: boolean
  exports?: string | Record<string, unknown>
  dependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
}

/** A package below packages/: its folder, its name for others, and what it declares to need. */
export type Workspace = {
  readonly folder: string
  readonly name: string
  readonly dependencies: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, unknown>>
}

/** The packages of this repository that have a package.json. */
export function workspacesOf(root: string): Workspace[] {
  return globSync('packages/*/package.json', { cwd: root }).map((file) => {
    const {
      name,
      dependencies,
      peerDependencies,
      exports = {},
    } = JSON.parse(readFileSync(join(root, file), 'utf8')) as PackageFile
    const folder = file.replaceAll(sep, '/').replace('/package.json', '')
    return {
      folder,
      name,
      dependencies: { ...peerDependencies, ...dependencies },
      exports: typeof exports === 'string' ? { '.': exports } : exports,
    }
  })
}

/** `@scope/name` or `name`, without the path inside of the package. */
export function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

/** The source that is behind an import of a package of ours, as in `@freehold/sdk`; undefined for any other import. */
export function sourceOf(specifier: string, workspaces: readonly Workspace[]): string | undefined {
  const name = packageOf(specifier)
  const workspace = workspaces.find((one) => one.name === name)
  const target = workspace?.exports[`.${specifier.slice(name.length)}`]
  return workspace !== undefined && typeof target === 'string' ? join(workspace.folder, target) : undefined
}
