import { spawn, type ChildProcess } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Watchpack from 'watchpack'

const root = fileURLToPath(new URL('..', import.meta.url))
/** Folders that hold nothing a running stack loads. */
const passedOver = new Set(['node_modules', 'test', 'bench', 'docs', 'scripts', 'tools'])

/**
 * `npm run dev`: as `npm start`, and again on every change. Not by Node's watch mode: it loses a file that is replaced, as
 * editors and git do it, and what it sends to a process the Temporal SDK takes for a message of its own.
 */
let child: ChildProcess | undefined
let isStopping = false
let isOutdated = false

function start(): void {
  isOutdated = false
  child = spawn(process.execPath, [join(root, 'local/main.ts')], { cwd: root, stdio: 'inherit' })
  child.once('exit', (code) => {
    child = undefined
    if (isStopping) process.exit(code ?? 1)
    if (isOutdated) start()
    else console.log('ended; the next change of a file starts it again')
  })
}

const watcher = new Watchpack({ aggregateTimeout: 200, ignored: /[/\\]node_modules([/\\]|$)/ })
watcher.on('aggregated', () => {
  // One that was told to stop already will not be told again: it would take that for impatience.
  if (isStopping || isOutdated) return
  isOutdated = true
  console.log('a file has changed; starting again …')
  if (child === undefined) start()
  else child.kill('SIGTERM')
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    isStopping = true
    if (child === undefined) process.exit(0)
    child.kill(signal)
  })

const directories = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !passedOver.has(entry.name))
  .map(({ name }) => join(root, name))
watcher.watch({ directories, startTime: Date.now() })
start()
