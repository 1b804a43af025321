import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { endProcess, identify } from '../../../local/process-table.ts'
import { startServerProcess } from '../../../local/server-process.ts'
import type { ServerProcess } from '../../../local/server-process.ts'
import { temporaryDirectory } from '../../support/temp-dir.ts'

const moduleUrl = new URL('../../../local/server-process.ts', import.meta.url).href

async function start(stateDir: string, script: string, graceMs = 2_000): Promise<ServerProcess> {
  const options = { name: 'server', command: '/bin/sh', args: ['-c', script], stateDir, graceMs }
  const server = await startServerProcess({ ...options, stopSignals: ['SIGTERM'] })
  onTestFinished(() => server.stop())
  return server
}

test('a stopped server is gone and so is its record; stopping it again is no error', async () => {
  const stateDir = temporaryDirectory()
  const server = await start(stateDir, 'exec sleep 60')
  expect(readdirSync(join(stateDir, 'processes'))).toEqual(['server.json'])
  await server.stop()
  await server.stop()
  expect(identify(server.pid)).toBeUndefined()
  expect(await server.exited).toBe('signal SIGTERM')
  expect(readdirSync(join(stateDir, 'processes'))).toEqual([])
})

test('a server that ignores the polite signal is killed after its grace time', async () => {
  const server = await start(temporaryDirectory(), `trap '' TERM; echo ready; while :; do sleep 0.05; done`, 50)
  await expect.poll(() => server.logTail()).toBe('ready')
  await server.stop()
  expect(await server.exited).toBe('signal SIGKILL')
})

test('a server that ends by itself tells how, and its last words', async () => {
  const server = await start(temporaryDirectory(), 'echo no room; exit 3')
  expect(await server.exited).toBe('exit code 3')
  expect(server.logTail()).toBe('no room')
})

test('a program that does not exist is an error with its name', async () => {
  const options = { name: 'x', args: [], stateDir: temporaryDirectory(), stopSignals: [], graceMs: 0 }
  await expect(startServerProcess({ ...options, command: '/missing/server' })).rejects.toThrow(
    '/missing/server cannot be started',
  )
})

test('servers do not inherit what our environment holds', async () => {
  process.env['FREEHOLD_TEST_SECRET'] = 'planted'
  onTestFinished(() => void delete process.env['FREEHOLD_TEST_SECRET'])
  const server = await start(temporaryDirectory(), 'echo "secret:$FREEHOLD_TEST_SECRET path:${PATH:+set}"')
  await server.exited
  expect(server.logTail()).toBe('secret: path:set')
})

test('Ctrl-C in the terminal reaches the stack but not its servers', async () => {
  const stateDir = temporaryDirectory()
  const code = `import { startServerProcess } from ${JSON.stringify(moduleUrl)}
    const options = { name: 'server', command: 'sleep', args: ['60'], stateDir: ${JSON.stringify(stateDir)} }
    console.log((await startServerProcess({ ...options, stopSignals: ['SIGTERM'], graceMs: 1000 })).pid)`
  // Detached, it leads a process group as a shell's foreground job does; Ctrl-C is a SIGINT to that group.
  const stack = spawn(process.execPath, ['--input-type=module', '-e', code], { detached: true })
  const server = identify(Number((await once(stack.stdout, 'data'))[0]))
  onTestFinished(async () => server && (await endProcess(server, [], 0)))
  process.kill(-(stack.pid ?? 0), 'SIGINT')
  expect(await once(stack, 'exit')).toEqual([null, 'SIGINT'])
  expect(server && identify(server.pid)).toEqual(server)
})
