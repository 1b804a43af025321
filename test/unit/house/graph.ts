import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { importsOf } from './imports.ts'

/** A package, and a file that imports it. */
export type Use = { readonly name: string; readonly file: string }

/**
 * What runs when these files are run: themselves and every file they import, directly or not, and the packages these
 * name, once for each file. Imports of types are erased and do not count.
 * @param entries paths from the root, with /
 */
export function graphOf(root: string, entries: readonly string[]): { files: string[]; packages: Use[] } {
  const files = new Set(entries)
  const packages: Use[] = []
  // A set gives what is added while it is walked.
  for (const file of files)
    for (const { specifier, typeOnly } of importsOf(readFileSync(join(root, file), 'utf8'))) {
      if (typeOnly || specifier.startsWith('node:')) continue
      if (specifier.startsWith('.')) files.add(join(dirname(file), specifier))
      else packages.push({ name: packageOf(specifier), file })
    }
  return { files: [...files].toSorted(), packages }
}

/** `@scope/name` or `name`, without the path inside of the package. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}
