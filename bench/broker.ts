import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { RunningNamespace } from '../packages/service-bus-broker/service-bus.ts'

/** Runs the broker in a child process with its state in a temporary directory; `stop` ends it and removes that. */
export async function startBroker(): Promise<{ namespace: RunningNamespace; stop: () => Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'freehold-bench-'))
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('../packages/service-bus-broker/main.ts', import.meta.url))],
    {
      env: { ...process.env, SERVICE_BUS_DATA_DIR: dataDir, SERVICE_BUS_NAMESPACES: 'bench:0:0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const exited = once(child, 'exit')
  const stop = async () => {
    child.kill()
    await exited
    await rm(dataDir, { recursive: true, force: true })
  }
  const failed = exited.then(() => Promise.reject(new Error('The broker ended before it was ready.')))
  await Promise.race([once(createInterface(child.stdout), 'line'), failed])
  failed.catch(() => {})
  const [namespace]: RunningNamespace[] = JSON.parse(await readFile(join(dataDir, 'connections.json'), 'utf8'))
  if (!namespace) throw new Error('The broker serves no namespace.')
  return { namespace, stop }
}
