import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Closing } from '../base/closing.ts'
import { freePorts } from '../local/ports.ts'
import { startStack, type Stack } from '../local/stack.ts'

/** New servers on free ports, prepared, in a directory of their own; all of it is gone with `closing`. */
export async function startOwnStack(
  closing: Closing,
  variables: Readonly<Record<string, string>> = {},
): Promise<Stack> {
  const stateDir = mkdtempSync(join(tmpdir(), 'freehold-own-'))
  closing.add('the directory', () => rmSync(stateDir, { recursive: true, force: true }))
  const [api, postgres, temporal, ui, bus, busAdmin] = await freePorts(6)
  const given = {
    FREEHOLD_STATE_DIR: stateDir,
    FREEHOLD_PORT: `${api}`,
    FREEHOLD_POSTGRES_PORT: `${postgres}`,
    FREEHOLD_TEMPORAL_PORT: `${temporal}`,
    FREEHOLD_TEMPORAL_UI_PORT: `${ui}`,
    FREEHOLD_SERVICE_BUS_PORT: `${bus}`,
    FREEHOLD_SERVICE_BUS_ADMIN_PORT: `${busAdmin}`,
    LOG_LEVEL: 'error',
    ...variables,
  }
  const { signal } = new AbortController()
  return startStack(given, { signal, log: (line) => console.error(line) }, closing)
}
