import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { importsOf } from './imports.ts'
import { packageOf, sourceOf, workspacesOf } from './workspaces.ts'

/** A package that a file names. */
type Needed = { readonly name: string; readonly file: string }

/**
 * What runs when these files are run: themselves and every file they import, directly or not, those of packages of ours
 * too, and the packages of others that these name. Imports of types are erased and do not count.
 * @param entries paths from the root, with /
 */
export function graphOf(root: string, entries: readonly string[]): { files: string[]; packages: Needed[] } {
  const workspaces = workspacesOf(root)
  const files = new Set(entries)
  const packages: Needed[] = []
  // A set gives what is added while it is walked.
  for (const file of files)
    for (const { specifier, typeOnly } of importsOf(readFileSync(join(root, file), 'utf8'))) {
      if (typeOnly || specifier.startsWith('node:')) continue
      const source = specifier.startsWith('.') ? join(dirname(file), specifier) : sourceOf(specifier, workspaces)
      if (source !== undefined) files.add(source)
      if (!specifier.startsWith('.')) packages.push({ name: packageOf(specifier), file })
    }
  return { files: [...files].toSorted(), packages }
}
