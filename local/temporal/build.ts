import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { LocalStackError } from '../errors.ts'

const program = 'github.com/temporalio/cli/cmd/temporal'
const progressMs = 5_000
const abandonedMs = 3_600_000

/**
 * Builds the Temporal CLI from the Go module in `sourceDir` into `file`: minutes the first time, seconds from Go's own
 * cache. `log` gets a line every 5 s. Built under a name of its own and renamed when `check` finds that it runs, so two
 * builds at once give one good file. Throws LocalStackError with the compiler's last lines.
 */
export async function buildTemporal(options: {
  go: string
  sourceDir: string
  file: string
  env: NodeJS.ProcessEnv
  check: (file: string) => Promise<boolean>
  log: (message: string) => void
  signal?: AbortSignal
}): Promise<void> {
  const { log, file, signal } = options
  removeAbandoned(dirname(file))
  const draft = `${file}.${randomUUID()}.building`
  log('Temporal: building the CLI from source, once, about 5 minutes')
  const child = spawn(
    options.go,
    ['build', '-C', options.sourceDir, '-v', '-trimpath', '-ldflags', '-s -w', '-o', draft, program],
    {
      env: { ...options.env, CGO_ENABLED: '0', GOWORK: 'off' },
      stdio: ['ignore', 'ignore', 'pipe'],
      ...(signal === undefined ? {} : { signal }),
    },
  )
  const started = Date.now()
  const lines: string[] = []
  const output = createInterface({ input: child.stderr }).on('line', (line) => lines.push(line))
  const progress = setInterval(() => log(describe(lines, Date.now() - started)), progressMs)
  try {
    const [code] = await once(child, 'close')
    if (code !== 0 || !(await options.check(draft))) {
      throw new LocalStackError(
        `Building the Temporal CLI with ${options.go} failed (go says: ${lines.slice(-3).join(' | ')}); it needs Go 1.26 or later, the Go module proxy and 3 GB of disk. Or set TEMPORAL_CLI_PATH or TEMPORAL_ADDRESS.`,
      )
    }
    renameSync(draft, file)
    log(`Temporal: built in ${Math.round((Date.now() - started) / 1000)} s, kept as ${file}`)
  } finally {
    clearInterval(progress)
    output.close()
    rmSync(draft, { force: true })
  }
}

function describe(lines: readonly string[], elapsedMs: number): string {
  const downloaded = lines.filter((line) => line.startsWith('go: downloading')).length
  const compiled = lines.length - downloaded
  return `Temporal: ${downloaded} modules downloaded, ${compiled} packages compiled, ${Math.round(elapsedMs / 1000)} s`
}

/** Builds that were killed leave their draft of 140 MB. */
function removeAbandoned(folder: string): void {
  for (const name of readdirSync(folder)) {
    const draft = join(folder, name)
    const old = Date.now() - (statSync(draft, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) > abandonedMs
    if (old && (name.endsWith('.building') || name.startsWith('download-')))
      rmSync(draft, { recursive: true, force: true })
  }
}
