import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { packed } from '../../support/packed.ts'
import { temporaryDirectory } from '../../support/temp-dir.ts'

test('packed, the broker is compiled, with its types and license, and runs where Node strips no types', async () => {
  const { installed, packedIn } = packed('packages/service-bus-broker')
  const files = globSync('**/*', { cwd: installed, withFileTypes: true }).filter((entry) => entry.isFile())
  const names = files.map(({ name }) => name)
  expect(names.filter((name) => !/\.js$|\.d\.ts$/.test(name)).toSorted()).toEqual(
    ['LICENSE', 'README.md', 'bin.mjs', 'package.json'].toSorted(),
  )
  for (const name of ['broker.js', 'broker.d.ts', 'main.js']) expect(names).toContain(name)
  // What was compiled must not hide later edits of the sources.
  expect(existsSync(join(packedIn, 'dist'))).toBe(false)

  const child = spawn(process.execPath, [join(installed, 'bin.mjs')], {
    env: { SERVICE_BUS_DATA_DIR: temporaryDirectory(), SERVICE_BUS_NAMESPACES: 'packed:0:0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  const ended = exited.then((how) => Promise.reject(new Error(`it ended: ${how.join(' ')}`)))
  const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), ended])) as [string]
  ended.catch(() => {})
  expect(JSON.parse(line)).toMatchObject({ ready: true, namespaces: [{ name: 'packed' }] })
  child.kill('SIGTERM')
  expect(await exited).toEqual([0, null])
})
