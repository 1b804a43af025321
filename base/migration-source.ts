import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import semver from 'semver'
import { FreeholdError } from '../domain/errors.ts'

/** One script: `file` is `<version>/NNN-name.sql`, `checksum` the SHA-256 in hex of its text with line ends as `\n`. */
export type Migration = {
  readonly version: string
  readonly file: string
  readonly sql: string
  readonly checksum: string
}

/** Where the migration sets of the tenants' databases come from. */
export type MigrationSource = {
  /** Versions on offer, lowest first. */
  readonly versions: () => Promise<string[]>
  /** Scripts of all versions up to and including this one, in the order to run. Throws `schema_version_unknown`. */
  readonly migrationsUpTo: (version: string) => Promise<Migration[]>
}

const filePattern = /^(\d{3})-[a-z0-9][a-z0-9-]*\.sql$/

/**
 * A source over a directory of `<version>/NNN-name.sql`; undefined: one without versions. It is read at each call, so a new
 * version needs no restart. Both calls throw `configuration_invalid` with the path for a folder that cannot be read, a
 * number used twice in a version, and anything that is not such a file; hidden files are passed over.
 */
export function openMigrationSource(directory: string | undefined): MigrationSource {
  async function versions(): Promise<string[]> {
    if (directory === undefined) return []
    const names = await entries(directory)
    const strange = names.find((name) => semver.valid(name) !== name || semver.prerelease(name) !== null)
    if (strange !== undefined)
      throw invalid(join(directory, strange), 'is not a folder named by a version such as 1.4.0')
    return semver.sort(names)
  }

  return {
    versions,
    async migrationsUpTo(version) {
      const offered = await versions()
      if (directory === undefined || !offered.includes(version))
        throw new FreeholdError('schema_version_unknown', `there is no migration set ${version}`, {
          facts: { versions: offered },
        })
      const wanted = offered.slice(0, offered.indexOf(version) + 1)
      return (await Promise.all(wanted.map((one) => readVersion(directory, one)))).flat()
    },
  }
}

async function readVersion(directory: string, version: string): Promise<Migration[]> {
  const folder = join(directory, version)
  const names = (await entries(folder)).toSorted()
  const numbers = new Map<string, string>()
  for (const name of names) {
    const number = filePattern.exec(name)?.[1]
    if (number === undefined) throw invalid(join(folder, name), 'is not a script named NNN-name.sql')
    const other = numbers.get(number)
    if (other !== undefined) throw invalid(join(folder, name), `has the number of ${other}`)
    numbers.set(number, name)
  }
  return Promise.all(names.map((name) => readMigration(directory, version, name)))
}

async function readMigration(directory: string, version: string, name: string): Promise<Migration> {
  const path = join(directory, version, name)
  const text = await readFile(path, 'utf8').catch(() => {
    throw invalid(path, 'cannot be read')
  })
  // A checkout with other line ends is the same script.
  const sql = text.replaceAll('\r\n', '\n')
  const checksum = createHash('sha256').update(sql).digest('hex')
  return { version, file: `${version}/${name}`, sql, checksum }
}

async function entries(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => {
    throw invalid(folder, 'is not a folder that can be read')
  })
  return names.filter((name) => !name.startsWith('.'))
}

function invalid(path: string, fault: string): FreeholdError {
  return new FreeholdError('configuration_invalid', `migration set: ${path} ${fault}`)
}
