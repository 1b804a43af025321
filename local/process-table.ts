import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf, LocalStackError } from './errors.ts'

/** A process for ever: the system reuses a pid, but never a pid with the same start time. */
export type ProcessIdentity = { pid: number; startTime: string }

/** The system itself may take a moment to tear down a large process. */
const killPatienceMs = 10_000

/** The identity of a running process, or undefined when there is none; a zombie has ended already. */
export function identify(pid: number): ProcessIdentity | undefined {
  const startTime = process.platform === 'linux' ? startTimeFromProc(pid) : startTimeFromPs(pid)
  return startTime === undefined ? undefined : { pid, startTime }
}

/** Whether this very process, not another one with its reused pid, is still running. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startTime === identity.startTime
}

/** The command line of a running process with its arguments separated by spaces, or undefined when there is none. */
export function commandLine(pid: number): string | undefined {
  try {
    return process.platform === 'linux'
      ? readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
      : ps(pid, 'command=')
  } catch {
    return undefined
  }
}

/**
 * Ends a process that need not be our child: each signal in turn, each with `graceMs` milliseconds to take effect, then
 * SIGKILL. Throws LocalStackError when it belongs to another user or outlives even that.
 */
export async function endProcess(
  identity: ProcessIdentity,
  signals: readonly NodeJS.Signals[],
  graceMs: number,
): Promise<void> {
  for (const signal of [...signals, 'SIGKILL' as const]) {
    if (!isAlive(identity)) return
    try {
      process.kill(identity.pid, signal)
    } catch (error) {
      if (codeOf(error) === 'ESRCH') return
      throw new LocalStackError(
        `Process ${identity.pid} of an earlier run cannot be stopped (${codeOf(error)}); stop it as the user who started it.`,
        { cause: error },
      )
    }
    const patienceMs = signal === 'SIGKILL' ? killPatienceMs : graceMs
    for (let waited = 0; waited < patienceMs; waited += 20) {
      if (!isAlive(identity)) return
      await sleep(20)
    }
  }
  throw new LocalStackError(`Process ${identity.pid} did not end even by SIGKILL; end it by hand and start again.`)
}

function startTimeFromProc(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [state, ticks] = [fields[0], fields[19]]
    return ticks === undefined || state === 'Z' || state === 'X' ? undefined : `${bootId()} ${ticks}`
  } catch {
    return undefined
  }
}

/** Ticks count from boot, so a state directory that outlives a reboot needs the boot as well. */
function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return ''
  }
}

function startTimeFromPs(pid: number): string | undefined {
  try {
    return ps(pid, 'stat=').startsWith('Z') ? undefined : ps(pid, 'lstart=') || undefined
  } catch {
    return undefined
  }
}

function ps(pid: number, column: string): string {
  const env = { ...process.env, LC_ALL: 'C' }
  return execFileSync('ps', ['-o', column, '-p', String(pid)], { encoding: 'utf8', env, stdio: 'pipe' }).trim()
}
