import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, statSync } from 'node:fs'
import { LocalStackError, messageOf } from '../errors.ts'

/**
 * How PostgreSQL's programs are run: as `uid` and `gid` where given, through `wrapper` (a command before the command)
 * where not empty.
 */
export type PostgresAccount = { uid?: number; gid?: number; owner?: { uid: number; gid: number }; wrapper: string[] }

/**
 * PostgreSQL refuses to run as root, so root runs it as the owner of an existing data directory, else as the system
 * user `postgres`, made if absent. That user must be able to enter the state directory (made enterable, not readable)
 * and the folder of the programs. Where a folder above them is closed to it, as `/root` is, it gets the one capability
 * to pass. Anybody else runs it as himself. Throws LocalStackError naming the folder that cannot be entered.
 */
export function postgresAccount(paths: { stateDir: string; dataDir: string; program: string }): PostgresAccount {
  if (process.getuid?.() !== 0) return { wrapper: [] }
  const owner = ownerOf(paths.dataDir) ?? systemUser()
  chmodSync(paths.stateDir, 0o711)
  const canRun = (command: string[], ids: { uid?: number; gid?: number }): boolean => {
    const probe = [...command, '/bin/sh', '-c', 'test -x "$1" && test -x "$2"', 'sh', paths.stateDir, paths.program]
    return spawnSync(probe[0] ?? '', probe.slice(1), { ...ids, cwd: '/', stdio: 'ignore' }).status === 0
  }
  if (canRun([], owner)) return { ...owner, owner, wrapper: [] }
  for (const capability of ['dac_read_search', 'dac_override']) {
    const wrapper = withCapability(capability, owner)
    if (canRun(wrapper, {})) return { owner, wrapper }
  }
  throw new LocalStackError(
    `PostgreSQL does not run as root, and its user (uid ${owner.uid}) may not enter ${paths.stateDir} or ${paths.program}; run Freehold as a normal user, move the clone out of root's home, or set DATABASE_URL.`,
  )
}

/** The securebit keeps the capability for access(2), by which PostgreSQL checks its own program. */
function withCapability(capability: string, { uid, gid }: { uid: number; gid: number }): string[] {
  const ids = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--securebits=+no_setuid_fixup']
  return ['setpriv', ...ids, `--inh-caps=-all,+${capability}`, `--ambient-caps=-all,+${capability}`]
}

function ownerOf(dataDir: string): { uid: number; gid: number } | undefined {
  const stats = statSync(dataDir, { throwIfNoEntry: false })
  return stats === undefined || stats.uid === 0 ? undefined : { uid: stats.uid, gid: stats.gid }
}

function systemUser(): { uid: number; gid: number } {
  try {
    if (spawnSync('id', ['-u', 'postgres'], { stdio: 'ignore' }).status !== 0) {
      execFileSync('useradd', ['--system', '--user-group', '--no-create-home', 'postgres'], { stdio: 'pipe' })
    }
    return { uid: idOf('-u'), gid: idOf('-g') }
  } catch (error) {
    throw new LocalStackError(
      `PostgreSQL does not run as root, and the system user "postgres" cannot be made (${messageOf(error).trim()}); run Freehold as a normal user, or set DATABASE_URL.`,
      { cause: error },
    )
  }
}

function idOf(flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
}
