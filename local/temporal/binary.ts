import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { LocalStackError, messageOf } from '../errors.ts'
import { buildTemporal } from './build.ts'
import { downloadTemporal } from './download.ts'

const run = promisify(execFile)
const suffix = process.platform === 'win32' ? '.exe' : ''
const ownSource = fileURLToPath(new URL('../../tools/temporal', import.meta.url))

/**
 * The absolute path of a Temporal CLI that runs, the first of: TEMPORAL_CLI_PATH, `temporal` on PATH, the one cached by
 * an earlier start under XDG_CACHE_HOME (or ~/.cache), a download, a build from `sourceDir` by the Go toolchain. The
 * last two take the version that `sourceDir` names and fill the cache; `log` gets a line every few seconds. `signal`
 * ends a download or build. Throws LocalStackError that says what to do when none works, or when TEMPORAL_CLI_PATH
 * names no Temporal CLI.
 */
export async function resolveTemporalBinary(options: {
  env: NodeJS.ProcessEnv
  log: (message: string) => void
  signal?: AbortSignal
  sourceDir?: string
  downloadFrom?: string
}): Promise<string> {
  const { env, log, signal, sourceDir = ownSource, downloadFrom = 'https://temporal.download/cli' } = options
  if (env['TEMPORAL_CLI_PATH']) {
    const given = resolve(env['TEMPORAL_CLI_PATH'])
    if (await runs(given)) return given
    throw new LocalStackError(
      `TEMPORAL_CLI_PATH is ${given}, and that is no Temporal CLI that runs; correct or unset it.`,
    )
  }
  const onPath = findOnPath('temporal', env)
  if (onPath !== undefined && (await runs(onPath))) return onPath
  const version = versionIn(sourceDir)
  const cache = resolve(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'))
  const cached = join(cache, 'freehold', `temporal-${version}`, `temporal${suffix}`)
  if (existsSync(cached)) {
    if (await runs(cached)) return cached
    // Ctrl-C reaches a program of ours as well; one that it ended runs.
    signal?.throwIfAborted()
    log(`Temporal: ${cached} does not run; getting it anew`)
  }
  makeFolder(dirname(cached))
  const target = { file: cached, check: runs, log, ...(signal === undefined ? {} : { signal }) }
  try {
    await downloadTemporal({ ...target, url: `${downloadFrom}/v${version}` })
    return cached
  } catch (error) {
    signal?.throwIfAborted()
    log(`Temporal: no download of ${version} (${messageOf(error)})`)
  }
  const go = findOnPath('go', env)
  if (go === undefined) {
    throw new LocalStackError(
      'There is no Temporal CLI on this machine, it cannot be downloaded, and there is no Go toolchain to build it; install Go 1.26 or later, or set TEMPORAL_CLI_PATH to a Temporal CLI, or TEMPORAL_ADDRESS to a running server.',
    )
  }
  await buildTemporal({ ...target, go, sourceDir, env })
  return cached
}

async function runs(file: string): Promise<boolean> {
  try {
    const { stdout } = await run(file, ['--version'], { timeout: 20_000 })
    return /temporal/i.test(stdout)
  } catch {
    return false
  }
}

function findOnPath(name: string, env: NodeJS.ProcessEnv): string | undefined {
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  return folders.map((folder) => resolve(folder, `${name}${suffix}`)).find((file) => existsSync(file))
}

/** The version that go.mod requires, so that raising it there makes a new cache entry. */
function versionIn(sourceDir: string): string {
  const file = join(sourceDir, 'go.mod')
  const version = /github\.com\/temporalio\/cli v(\S+)/.exec(readFileSync(file, 'utf8'))?.[1]
  if (version === undefined) throw new LocalStackError(`${file} names no version of github.com/temporalio/cli.`)
  return version
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true })
  } catch (error) {
    throw new LocalStackError(
      `The cache folder ${folder} cannot be made (${messageOf(error)}); set XDG_CACHE_HOME to a writable folder, or TEMPORAL_CLI_PATH to a Temporal CLI.`,
      { cause: error },
    )
  }
}
