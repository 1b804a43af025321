import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { identify, isAlive } from '../../../local/process-table.ts'
import { startServerProcess } from '../../../local/server-process.ts'
import { openStateDir } from '../../../local/state-dir.ts'
import { temporaryDirectory } from '../../support/temp-dir.ts'

const log = (): void => {}
const lockModule = new URL('../../../local/state-lock.ts', import.meta.url).href

/** A process that lives until the test is over. */
async function livingProcess(): Promise<number> {
  const child = spawn('sleep', ['60'])
  await once(child, 'spawn')
  onTestFinished(() => void child.kill('SIGKILL'))
  return child.pid ?? 0
}

test('the state directory is made for its owner alone', async () => {
  const path = join(temporaryDirectory(), 'deep', '.freehold')
  await openStateDir({ path, log })
  expect(statSync(path).mode & 0o777).toBe(0o700)
})

test('a second stack on the same state directory is refused with the pid of the first, until that one stops', async () => {
  const path = join(temporaryDirectory(), '.freehold')
  const first = await openStateDir({ path, log })
  await expect(openStateDir({ path, log })).rejects.toThrow(
    new RegExp(`in use by the running process ${process.pid}; .*FREEHOLD_STATE_DIR`),
  )
  first.release()
  await openStateDir({ path, log })
})

test.each([
  ['of a process that is gone', { pid: 4_190_000, startTime: 'then' }],
  ['whose pid another process has now', { pid: process.pid, startTime: 'before the last boot' }],
])('a lock %s is taken over', async (_, holder) => {
  const path = join(temporaryDirectory(), '.freehold')
  ;(await openStateDir({ path, log })).release()
  writeFileSync(join(path, 'lock'), JSON.stringify(holder))
  await openStateDir({ path, log })
  expect(JSON.parse(readFileSync(join(path, 'lock'), 'utf8'))).toEqual(identify(process.pid))
})

test('a lock that a killed process left half written is taken over', async () => {
  const path = join(temporaryDirectory(), '.freehold')
  ;(await openStateDir({ path, log })).release()
  writeFileSync(join(path, 'lock'), '{"pid":1')
  await expect(openStateDir({ path, log })).resolves.toMatchObject({ path })
})

test('of several starts that find a stale lock exactly one gets it', async () => {
  const file = join(temporaryDirectory(), 'lock')
  writeFileSync(file, JSON.stringify({ pid: 4_190_000, startTime: 'then' }))
  const code = `import { takeLock } from ${JSON.stringify(lockModule)}
    try { takeLock(${JSON.stringify(file)}, 'it'); console.log('taken') } catch { console.log('refused') }
    process.stdin.resume()`
  const children = Array.from({ length: 4 }, () => spawn(process.execPath, ['--input-type=module', '-e', code]))
  onTestFinished(() => children.forEach((child) => void child.kill('SIGKILL')))
  const answers = await Promise.all(children.map(async (child) => String((await once(child.stdout, 'data'))[0]).trim()))
  expect(answers.toSorted()).toEqual(['refused', 'refused', 'refused', 'taken'])
})

test('beginning anew empties the state directory', async () => {
  const path = join(temporaryDirectory(), '.freehold')
  const { release } = await openStateDir({ path, log })
  mkdirSync(join(path, 'postgres'))
  writeFileSync(join(path, 'postgres', 'data'), 'x')
  release()
  await openStateDir({ path, fresh: true, log })
  expect(existsSync(join(path, 'postgres'))).toBe(false)
})

test('a directory with files that are not ours is neither used nor emptied', async () => {
  const path = temporaryDirectory()
  writeFileSync(join(path, 'thesis.txt'), 'years of work')
  await expect(openStateDir({ path, fresh: true, log })).rejects.toThrow(/files that are not Freehold's/)
  expect(readdirSync(path)).toEqual(['thesis.txt'])
})

test('a disk with too little room is an error that tells how much is left, and holds no lock', async () => {
  const path = join(temporaryDirectory(), '.freehold')
  await expect(openStateDir({ path, minimumFreeBytes: 2 ** 60, log })).rejects.toThrow(/has \d+ MB left/)
  await openStateDir({ path, log })
})

test('a server that a killed run left behind is ended by the next start', async () => {
  const path = join(temporaryDirectory(), '.freehold')
  ;(await openStateDir({ path, log })).release()
  const options = { stopSignals: ['SIGTERM'], graceMs: 2_000 } as const
  const { pid, exited } = await startServerProcess({
    name: 'idler',
    command: 'sleep',
    args: ['60'],
    stateDir: path,
    ...options,
  })
  const lines: string[] = []
  await openStateDir({ path, log: (line) => lines.push(line) })
  expect(await exited).toBe('signal SIGTERM')
  expect(lines).toEqual([`stopping idler (process ${pid}) that an earlier run left behind`])
})

test('a process that merely has the pid of a server of the last run is left alone', async () => {
  const path = join(temporaryDirectory(), '.freehold')
  ;(await openStateDir({ path, log })).release()
  const pid = await livingProcess()
  const record = { pid, startTime: 'before the last boot', stopSignals: ['SIGKILL'], graceMs: 100 }
  writeFileSync(join(path, 'processes', 'postgres.json'), JSON.stringify(record))
  await openStateDir({ path, log })
  await sleep(50)
  const identity = identify(pid)
  expect(identity !== undefined && isAlive(identity)).toBe(true)
})
