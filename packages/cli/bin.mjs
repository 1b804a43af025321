#!/usr/bin/env node
// Plain JavaScript, because it also has to start on a Node that cannot run this program: there it hands over to the
// binary of the npm package `node`, when that is installed. In a clone it runs the sources; what npm installs has none,
// because Node strips no types inside node_modules, and runs what was compiled from them.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const { version } = JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf8'))
const source = new URL('./main.ts', import.meta.url)
const isClone = existsSync(source)
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const runsHere = isClone ? process.features.typescript : major > 22 || (major === 22 && minor >= 12)

if (runsHere) {
  const { main } = await import(isClone ? source.href : new URL('./dist/cli/main.js', import.meta.url).href)
  await main(version)
} else {
  const node = packagedNode()
  if (node === undefined || process.env['FREEHOLD_REEXECUTED'] === '1') {
    console.error(
      `error: freehold needs Node ${isClone ? '22.18' : '22.12'} or newer, this is ${process.versions.node}`,
    )
    console.error(`next: install a newer Node${isClone ? ', or run `npm install` in the clone, which brings one' : ''}`)
    process.exitCode = 4
  } else handOver(node)
}

function packagedNode() {
  try {
    const home = dirname(createRequire(import.meta.url).resolve('node/package.json'))
    return ['node', 'node.exe'].map((name) => join(home, 'bin', name)).find((path) => existsSync(path))
  } catch {
    return undefined
  }
}

function handOver(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, FREEHOLD_REEXECUTED: '1' },
  })
  // A terminal sends Ctrl-C to both processes; this one must outlive the other to hand on its exit code.
  process.on('SIGINT', () => {})
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (cause) => {
    console.error(`error: ${node} does not start: ${cause.message}`)
    process.exitCode = 4
  })
  child.on('exit', (code, signal) => {
    process.exitCode = signal === null ? (code ?? 4) : 128 + constants.signals[signal]
  })
}
