import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
/** Folders that hold nothing a running stack loads. */
const passedOver = new Set(['node_modules', 'test', 'bench', 'docs', 'scripts', 'tools'])

/**
 * `npm run dev`: as `npm start`, and again on every change. In watch mode Node has every thread tell its parent which
 * files it loads, and the Temporal SDK takes that for a message of its own; so this process says what to watch, and the
 * one that is watched over stops Node from telling.
 */
if (process.env['WATCH_REPORT_DEPENDENCIES'] === undefined) {
  const folders = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !passedOver.has(entry.name))
    .map(({ name }) => `--watch-path=${join(root, name)}`)
  const child = spawn(process.execPath, ['--watch-preserve-output', ...folders, fileURLToPath(import.meta.url)], {
    cwd: root,
    stdio: 'inherit',
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal))
  child.on('exit', (code) => process.exit(code ?? 1))
} else {
  delete process.env['WATCH_REPORT_DEPENDENCIES']
  await import('./main.ts')
}
