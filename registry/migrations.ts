import { readdir, readFile } from 'node:fs/promises'

const folder = new URL('./migrations/', import.meta.url)

/** Names of the registry's migrations as the registry records them, in their order: `<YYYYMMDDhhmmss>-<what>`. */
export async function migrationNames(): Promise<string[]> {
  const files = await readdir(folder)
  return files
    .filter((file) => file.endsWith('.sql'))
    .map((file) => file.slice(0, -'.sql'.length))
    .toSorted()
}

/** The text of a migration, run as a whole. */
export async function migrationText(name: string): Promise<string> {
  return readFile(new URL(`${name}.sql`, folder), 'utf8')
}
