import { dirname, join } from 'node:path/posix'
import { sourceOf, type Workspace } from './workspaces.ts'

/** One import of a text: what it names, and whether it is there for the types alone. */
export type Import = { readonly specifier: string; readonly typeOnly: boolean }

/**
 * Every import of a TypeScript text: `import`, `export … from`, over any number of lines, for a side effect, dynamic.
 * `import { type A }` counts as a value import, because it still loads the module.
 */
export function importsOf(text: string): Import[] {
  const statements = text.matchAll(
    /^[ \t]*(?:import|export)\s+(type\s+(?!from\b))?(?:[^'"();=]*?\bfrom\s*)?(['"])(.+?)\2/gm,
  )
  const dynamic = text.matchAll(/\bimport\(\s*(['"])(.+?)\1/g)
  return [
    ...Array.from(statements, ([, type, , specifier = '']) => ({ specifier, typeOnly: type !== undefined })),
    ...Array.from(dynamic, ([, , specifier = '']) => ({ specifier, typeOnly: false })),
  ]
}

/**
 * Imports of one file that its folder's rule does not allow, as `file -> target`. A rule names folders, single files, or
 * `type <folder>` for types alone; its own folder is always allowed. Files of the root may import everything. A package of
 * ours counts as its folder, by whichever name it is imported.
 * @param file path from the root of the repository, with /
 */
export function violations(
  file: string,
  text: string,
  rules: Readonly<Record<string, readonly string[]>>,
  workspaces: readonly Workspace[] = [],
): string[] {
  const folder = folderOf(file)
  if (folder === '') return []
  const allowed = [folder, ...(rules[folder] ?? [])]
  return importsOf(text)
    .flatMap(({ specifier, typeOnly }) => {
      const target = specifier.startsWith('.') ? join(dirname(file), specifier) : sourceOf(specifier, workspaces)
      return target === undefined ? [] : [{ target, typeOnly }]
    })
    .filter(({ target, typeOnly }) => {
      const names = [target, folderOf(target), ...(typeOnly ? [`type ${folderOf(target)}`] : [])]
      return !names.some((name) => allowed.includes(name))
    })
    .map(({ target }) => `${file} -> ${target}`)
}

/** Folder that has a rule: the top-level one of a path, below packages/ that of the package; empty for a file of the root. */
export function folderOf(file: string): string {
  const parts = file.split('/').slice(0, -1)
  return parts.slice(0, parts[0] === 'packages' ? 2 : 1).join('/')
}
