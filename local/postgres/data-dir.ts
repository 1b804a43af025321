import { execFile } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { LocalStackError, messageOf } from '../errors.ts'
import type { PostgresAccount } from './account.ts'
import { commandLine, endProcess, identify } from '../process-table.ts'

const run = promisify(execFile)
const major = '18'

/**
 * Makes the data directory with `initdb` unless it exists: UTF8, C.UTF-8, superuser `postgres` with this password,
 * scram-sha-256 for every connection. It is made under another name and renamed when complete, so that a start that is
 * killed or runs out of disk half-way leaves nothing that would be taken for a data directory. `sync` false skips the
 * final flush to disk. Throws LocalStackError with initdb's own last line.
 */
export async function ensureDataDir(options: {
  dataDir: string
  initdb: string
  password: string
  sync: boolean
  account: PostgresAccount
  log: (message: string) => void
}): Promise<void> {
  const { dataDir, account } = options
  if (existsSync(dataDir)) return requireVersion(dataDir)
  options.log('PostgreSQL: making the data directory (once)')
  const draft = `${dataDir}.initdb`
  const passwordFile = `${dataDir}.password`
  rmSync(draft, { recursive: true, force: true })
  rmSync(passwordFile, { force: true })
  const locale = process.platform === 'linux' ? 'C.UTF-8' : 'C'
  const command = [
    ...account.wrapper,
    options.initdb,
    `--pgdata=${draft}`,
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    `--locale=${locale}`,
    '--lc-messages=C',
    ...(options.sync ? [] : ['--no-sync']),
  ]
  try {
    mkdirSync(draft, { mode: 0o700 })
    writeFileSync(passwordFile, options.password, { mode: 0o600 })
    if (account.owner !== undefined) {
      for (const file of [draft, passwordFile]) chownSync(file, account.owner.uid, account.owner.gid)
    }
    const { uid, gid } = account
    const ids = uid === undefined || gid === undefined ? {} : { uid, gid }
    await run(command[0] ?? '', command.slice(1), { ...ids, cwd: '/' })
    renameSync(draft, dataDir)
  } catch (error) {
    rmSync(draft, { recursive: true, force: true })
    throw new LocalStackError(`PostgreSQL's data directory ${dataDir} cannot be made: ${reasonOf(error)}`, {
      cause: error,
    })
  } finally {
    rmSync(passwordFile, { force: true })
  }
}

/**
 * Ends a postmaster of a killed run that still serves this data directory, and removes a `postmaster.pid` whose process
 * is gone or is another program with a reused pid (PostgreSQL itself would refuse to start beside that one).
 */
export async function clearStalePostmaster(dataDir: string, log: (message: string) => void): Promise<void> {
  const file = join(dataDir, 'postmaster.pid')
  if (!existsSync(file)) return
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0])
  const identity = identify(pid)
  if (identity !== undefined && commandLine(pid)?.includes(` -D ${dataDir} `) === true) {
    log(`PostgreSQL: stopping the server (process ${pid}) that an earlier run left behind`)
    await endProcess(identity, ['SIGINT', 'SIGQUIT'], 15_000)
  }
  rmSync(file, { force: true })
}

function requireVersion(dataDir: string): void {
  const file = join(dataDir, 'PG_VERSION')
  const version = existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
  if (version === major) return
  const what = version === undefined ? 'is not a PostgreSQL data directory' : `was made by PostgreSQL ${version}`
  throw new LocalStackError(
    `${dataDir} ${what}, and this is PostgreSQL ${major}; move it away, or begin anew with \`npm start -- --fresh\`.`,
  )
}

function reasonOf(error: unknown): string {
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : ''
  return stderr === '' ? messageOf(error) : (stderr.split('\n').find((line) => /error|fatal/i.test(line)) ?? stderr)
}
