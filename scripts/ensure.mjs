// Runs before every entry point, on whatever Node the machine has and before node_modules exists: installs what
// package-lock.json names when the last install was of another lock file. Plain JavaScript on purpose.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'

const stamp = 'node_modules/.installed'
const wanted = createHash('sha256').update(readFileSync('package-lock.json')).digest('hex')
const installed = existsSync(stamp) ? readFileSync(stamp, 'utf8') : ''

if (installed !== wanted) {
  console.error('freehold: installing packages (once, about a minute) …')
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  if (npm.status !== 0) {
    console.error('freehold: `npm ci` failed; the lines above say why. Nothing was started.')
    process.exit(npm.status ?? 1)
  }
  writeFileSync(stamp, wanted)
}
