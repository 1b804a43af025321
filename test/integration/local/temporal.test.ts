import { join } from 'node:path'
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, inject, onTestFinished, test } from 'vitest'
import { accepts, freePorts } from '../../../local/ports.ts'
import { identify } from '../../../local/process-table.ts'
import { ensureNamespaces, ensureSearchAttributes } from '../../../deploy/temporal-namespaces.ts'
import { startTemporal } from '../../../local/temporal/server.ts'
import type { LocalTemporal } from '../../../local/temporal/server.ts'
import { temporaryDirectory } from '../../support/temp-dir.ts'

type StartOptions = Parameters<typeof startTemporal>[0]

async function start(stateDir: string, more: Partial<StartOptions> = {}): Promise<LocalTemporal> {
  const [port = 0] = await freePorts(1)
  const binary = inject('temporalBinary')
  const server = await startTemporal({ binary, stateDir, port, keepState: false, ...more })
  onTestFinished(() => server.stop())
  return server
}

test('kept state outlives a stop, which leaves no process; the Web UI answers', async () => {
  const stateDir = temporaryDirectory()
  const [port = 0, uiPort = 0] = await freePorts(2)
  const first = await start(stateDir, { port, uiPort, keepState: true })
  const record = JSON.parse(readFileSync(join(stateDir, 'processes', 'temporal.json'), 'utf8')) as { pid: number }
  expect((await fetch(first.uiUrl ?? '')).status).toBe(200)
  await ensureNamespaces({ address: first.address }, [{ name: 'kept', retentionDays: 1 }])
  await ensureSearchAttributes({ address: first.address }, 'kept', { TenantId: 'Keyword' })
  await first.stop()
  expect(identify(record.pid)).toBeUndefined()
  expect(await accepts(port)).toBe(false)
  const second = await start(stateDir, { keepState: true })
  await expect(ensureSearchAttributes({ address: second.address }, 'kept', { TenantId: 'Int' })).rejects.toThrow(
    /has the type Keyword/,
  )
})

test('a server that dies early is an error with the last words of its log', async () => {
  const stateDir = temporaryDirectory()
  const binary = join(stateDir, 'temporal')
  writeFileSync(binary, '#!/bin/sh\necho "unable to open database file"\nexit 3\n', { mode: 0o755 })
  await expect(start(stateDir, { binary })).rejects.toThrow(
    'The Temporal server did not start (exit code 3). Its log ends: unable to open database file',
  )
})

test('a port on which another server answers is refused, not taken for ours', async () => {
  const port = Number(inject('temporalAddress').split(':')[1])
  await expect(start(temporaryDirectory(), { port })).rejects.toThrow(`Port ${port} for the Temporal server is taken`)
})

test('namespaces and search attributes are made once, and asking again changes nothing', async () => {
  const address = inject('temporalAddress')
  for (let round = 0; round < 2; round++) {
    await ensureNamespaces({ address }, [{ name: 'asked-twice', retentionDays: 2 }])
    const attributes = { Colour: 'Keyword', Size: 'Int' } as const
    await expect(ensureSearchAttributes({ address }, 'asked-twice', attributes)).resolves.toBeUndefined()
  }
})

test('a search attribute of another type is an error that names both types', async () => {
  const address = inject('temporalAddress')
  await ensureNamespaces({ address }, [{ name: 'typed', retentionDays: 1 }])
  await ensureSearchAttributes({ address }, 'typed', { Colour: 'Keyword' })
  await expect(ensureSearchAttributes({ address }, 'typed', { Colour: 'Int' })).rejects.toThrow(
    /Search attribute Colour of the Temporal namespace typed has the type Keyword and must be Int/,
  )
})

test('a Temporal server that does not answer is named with its address', async () => {
  const [port = 0] = await freePorts(1)
  const address = `127.0.0.1:${port}`
  await expect(ensureNamespaces({ address }, [])).rejects.toThrow(`The Temporal server at ${address} does not answer`)
})
