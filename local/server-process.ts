import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LocalStackError, messageOf } from './errors.ts'
import { endProcess, identify, isAlive } from './process-table.ts'
import type { ProcessIdentity } from './process-table.ts'

/** A server of the local stack that runs as a process of its own. */
export type ServerProcess = {
  pid: number
  /** Resolves, never rejects, when the process has ended: `exit code 1` or `signal SIGKILL`. */
  exited: Promise<string>
  /** Its last lines of output, joined, for an error message. */
  logTail: () => string
  /** Ends it and waits until it is gone; a second call waits for the same end. */
  stop: () => Promise<void>
}

type ServerProcessOptions = {
  /** File name of its log and of its record in the state directory. */
  name: string
  command: string
  args: readonly string[]
  stateDir: string
  /** Signals that ask it to end, politest first; SIGKILL follows by itself. */
  stopSignals: readonly NodeJS.Signals[]
  /** Milliseconds each signal has to take effect. */
  graceMs: number
  /** Variables it needs besides those of `plainEnvironment`. */
  environment?: Readonly<Record<string, string>>
  uid?: number
  gid?: number
}

/** Each asks a server that runs to end, as firmly as it may be asked. */
const endings = new Set<() => void>()

/**
 * Asks every server that this process started and has not ended to end now, by the last of its stop signals, and does not
 * wait. The next start on the state directory waits for those that take long.
 */
export function endServersAtOnce(): void {
  for (const end of endings) end()
}

/**
 * Starts a server with its output in `<stateDir>/logs/<name>.log` (the log before it is kept as `.log.1`) and records
 * it in `<stateDir>/processes`, so that the next start finds it should this process be killed. It leads a session of
 * its own: Ctrl-C in the terminal reaches us alone, and we stop the servers after the workers that need them.
 */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const logFile = rotatedLog(options.stateDir, options.name)
  const log = openSync(logFile, 'a', 0o600)
  const child = spawn(options.command, options.args, {
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...plainEnvironment(), ...options.environment },
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  })
  closeSync(log)
  const failure = new Promise<Error>((resolve) => child.once('error', resolve))
  if (child.pid === undefined) {
    throw new LocalStackError(`${options.command} cannot be started: ${messageOf(await failure)}.`)
  }
  const identity = identify(child.pid) ?? { pid: child.pid, startTime: '' }
  const record = recordOf(options.stateDir, options.name)
  writeRecord(record, { ...identity, stopSignals: options.stopSignals, graceMs: options.graceMs })
  const end = () => void child.kill(options.stopSignals.at(-1))
  endings.add(end)
  const exited = new Promise<string>((resolve) =>
    child.once('exit', (code, signal) => {
      endings.delete(end)
      rmSync(record, { force: true })
      resolve(signal === null ? `exit code ${code}` : `signal ${signal}`)
    }),
  )
  let stopping: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    await endProcess(identity, options.stopSignals, options.graceMs)
    await exited
  }
  return {
    pid: child.pid,
    exited,
    logTail: () => readFileSync(logFile, 'utf8').trim().split('\n').slice(-5).join(' | '),
    stop: () => (stopping ??= stop()),
  }
}

/**
 * Ends the servers that a killed run left behind, by the records it left in the state directory. `log` gets one line
 * for each. A process that merely has a recorded pid is never touched.
 */
export async function stopLeftovers(stateDir: string, log: (message: string) => void): Promise<void> {
  const folder = join(stateDir, 'processes')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const file of readdirSync(folder)) {
    const record = readRecord(join(folder, file))
    if (record !== undefined && isAlive(record)) {
      log(`stopping ${file.replace(/\.json$/, '')} (process ${record.pid}) that an earlier run left behind`)
      await endProcess(record, record.stopSignals, record.graceMs)
    }
    rmSync(join(folder, file), { force: true })
  }
}

/** Our own environment may hold keys and passwords, and the servers need none of them. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const names = ['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'SystemRoot', 'USERPROFILE', 'APPDATA']
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  )
}

type ProcessRecord = ProcessIdentity & { stopSignals: readonly NodeJS.Signals[]; graceMs: number }

function recordOf(stateDir: string, name: string): string {
  return join(stateDir, 'processes', `${name}.json`)
}

function writeRecord(file: string, record: ProcessRecord): void {
  mkdirSync(join(file, '..'), { recursive: true, mode: 0o700 })
  writeFileSync(file, JSON.stringify(record), { mode: 0o600 })
}

/** A record cut short by a kill names no process that could be told from others, and is undefined. */
function readRecord(file: string): ProcessRecord | undefined {
  try {
    const record: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return isProcessRecord(record) ? record : undefined
  } catch {
    return undefined
  }
}

function isProcessRecord(value: unknown): value is ProcessRecord {
  return typeof value === 'object' && value !== null && 'pid' in value && 'startTime' in value && 'stopSignals' in value
}

function rotatedLog(stateDir: string, name: string): string {
  const folder = join(stateDir, 'logs')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const file = join(folder, `${name}.log`)
  try {
    renameSync(file, `${file}.1`)
  } catch {
    // The first start has no log to keep.
  }
  return file
}
