import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { accepts, freePorts } from '../../../local/ports.ts'
import { startPostgres } from '../../../local/postgres/server.ts'
import type { LocalPostgres } from '../../../local/postgres/server.ts'
import { identify } from '../../../local/process-table.ts'
import { openStateDir } from '../../../local/state-dir.ts'
import { temporaryDirectory } from '../../support/temp-dir.ts'

const moduleUrl = (name: string): string => new URL(`../../../local/${name}.ts`, import.meta.url).href

type StartOptions = Parameters<typeof startPostgres>[0]

async function start(stateDir: string, more: Partial<StartOptions> = {}): Promise<LocalPostgres> {
  const [port = 0] = await freePorts(1)
  const server = await startPostgres({ stateDir, port, password: 'p@ss/word', fsync: false, log: () => {}, ...more })
  onTestFinished(() => server.stop())
  return server
}

async function query(server: LocalPostgres, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: server.url })
  // A server killed under the connection must not end the test run.
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

const postmasterPid = (stateDir: string): number =>
  Number(readFileSync(join(stateDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0])

test('data outlives a stop, the server is durable by default and ready for live moves', async () => {
  const stateDir = temporaryDirectory()
  const first = await start(stateDir, { fsync: true })
  await query(first, `create table kept as select 'ä' as letter`)
  await first.stop()
  expect(await accepts(first.port)).toBe(false)
  const second = await start(stateDir, { fsync: true, maxConnections: 77 })
  expect(await query(second, 'select letter from kept')).toEqual([{ letter: 'ä' }])
  const settings = await query(
    second,
    `select name, setting from pg_settings where name in ('fsync', 'wal_level', 'max_connections',
       'listen_addresses', 'server_encoding', 'password_encryption') order by name`,
  )
  expect(settings).toEqual([
    { name: 'fsync', setting: 'on' },
    { name: 'listen_addresses', setting: '127.0.0.1' },
    { name: 'max_connections', setting: '77' },
    { name: 'password_encryption', setting: 'scram-sha-256' },
    { name: 'server_encoding', setting: 'UTF8' },
    { name: 'wal_level', setting: 'logical' },
  ])
  expect(
    await query(second, 'select datlocprovider, datlocale from pg_database where datname = current_database()'),
  ).toEqual([{ datlocprovider: 'b', datlocale: 'C.UTF-8' }])
})

test('after kill -9 of the server the next start recovers what was committed', async () => {
  const stateDir = temporaryDirectory()
  const killed = await start(stateDir, { fsync: true })
  await query(killed, 'create table kept as select 1 as one')
  process.kill(postmasterPid(stateDir), 'SIGKILL')
  expect(await killed.exited).toBe('signal SIGKILL')
  expect(existsSync(join(stateDir, 'postgres', 'postmaster.pid'))).toBe(true)
  expect(await query(await start(stateDir), 'select one from kept')).toEqual([{ one: 1 }])
})

test('a postmaster.pid whose pid another program has now does not prevent the start', async () => {
  const stateDir = temporaryDirectory()
  await (await start(stateDir)).stop()
  const file = join(stateDir, 'postgres', 'postmaster.pid')
  writeFileSync(file, `${process.pid}\n${join(stateDir, 'postgres')}\n1\n1\n\n127.0.0.1\n`)
  await start(stateDir)
  expect(postmasterPid(stateDir)).not.toBe(process.pid)
})

test.each([
  ['by its record', (): void => {}],
  [
    'by its pid file, when the record is lost',
    (stateDir: string) => writeFileSync(join(stateDir, 'processes', 'postgres.json'), ''),
  ],
])('the server of a start that was killed with -9 is ended by the next one, %s', async (_, damage) => {
  const stateDir = join(temporaryDirectory(), '.freehold')
  const [port = 0] = await freePorts(1)
  const code = `
    import { openStateDir } from ${JSON.stringify(moduleUrl('state-dir'))}
    import { startPostgres } from ${JSON.stringify(moduleUrl('postgres/server'))}
    const { path } = await openStateDir({ path: ${JSON.stringify(stateDir)}, log() {} })
    await startPostgres({ stateDir: path, port: ${port}, password: 'p@ss/word', fsync: false, log() {} })
    process.kill(process.pid, 'SIGKILL')`
  const [, signal] = await once(
    spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'ignore' }),
    'exit',
  )
  expect(signal).toBe('SIGKILL')
  const abandoned = postmasterPid(stateDir)
  expect(identify(abandoned)).toBeDefined()
  damage(stateDir)
  const { path } = await openStateDir({ path: stateDir, log: () => {} })
  const server = await start(path, { port })
  expect(identify(abandoned)).toBeUndefined()
  await query(server, 'select 1')
})

test('what an interrupted initdb left behind is never taken for a data directory', async () => {
  const stateDir = temporaryDirectory()
  mkdirSync(join(stateDir, 'postgres.initdb', 'base'), { recursive: true })
  writeFileSync(join(stateDir, 'postgres.initdb', 'PG_VERSION'), '18')
  await query(await start(stateDir), 'select 1')
  expect(existsSync(join(stateDir, 'postgres.initdb'))).toBe(false)
})

test('another password than the data directory was made with is refused without naming either, and nothing runs on', async () => {
  const stateDir = temporaryDirectory()
  await (await start(stateDir)).stop()
  const [port = 0] = await freePorts(1)
  const error: unknown = await start(stateDir, { port, password: 'other-secret' }).catch((reason: unknown) => reason)
  expect(String(error)).toMatch(/was made with another password/)
  expect(String(error)).not.toMatch(/p@ss|other-secret/)
  expect(await accepts(port)).toBe(false)
})

test('a server that cannot start is an error with the last words of its log', async () => {
  const stateDir = temporaryDirectory()
  const { port } = await start(stateDir)
  await expect(start(temporaryDirectory(), { port })).rejects.toThrow(
    /did not start \(exit code 1\).*Address already in use/,
  )
})
