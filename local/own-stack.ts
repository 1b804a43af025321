import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Closing } from '../base/closing.ts'
import { freePorts } from './ports.ts'
import type { StartOptions } from './servers.ts'
import { startStack, type Stack } from './stack.ts'

/**
 * New servers on free ports, prepared, in a directory of their own; all of it is gone with `closing`.
 * @param variables of the README, beside those of ports and directory
 */
export async function startOwnStack(
  closing: Closing,
  variables: Readonly<Record<string, string>> = {},
  options: Partial<StartOptions> = {},
): Promise<Stack> {
  const stateDir = mkdtempSync(join(tmpdir(), 'freehold-own-'))
  closing.add('the state directory', () => rm(stateDir, { recursive: true, force: true }), 20_000)
  const [postgres, temporal, ui, bus, busAdmin] = await freePorts(5)
  const given = {
    FREEHOLD_STATE_DIR: stateDir,
    FREEHOLD_PORT: '0',
    FREEHOLD_POSTGRES_PORT: `${postgres}`,
    FREEHOLD_TEMPORAL_PORT: `${temporal}`,
    FREEHOLD_TEMPORAL_UI_PORT: `${ui}`,
    FREEHOLD_SERVICE_BUS_PORT: `${bus}`,
    FREEHOLD_SERVICE_BUS_ADMIN_PORT: `${busAdmin}`,
    LOG_LEVEL: 'error',
    ...variables,
  }
  const { signal } = new AbortController()
  return startStack(given, { signal, log: (line) => console.error(line), ...options }, closing)
}
