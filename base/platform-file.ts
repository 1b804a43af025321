import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { LineCounter, parseDocument } from 'yaml'
import { FreeholdError } from '../domain/errors.ts'
import {
  platformSchema,
  type ArchivesDeclaration,
  type ObjectStoreDeclaration,
  type Platform,
} from '../domain/platform.ts'
import type { Config } from './config.ts'

/** How the configuration says to read the platform file. */
export function platformOptions(config: Pick<Config, 'FREEHOLD_STATE_DIR' | 'EVENTS'>) {
  return { stateDir: config.FREEHOLD_STATE_DIR, withoutBus: config.EVENTS === 'webhooks' }
}

/**
 * Reads and checks the platform file. Throws `configuration_invalid` with file, path and line.
 * @param options `stateDir`: relative folders are below it; `withoutBus`: what the file says of buses does not count
 */
export async function readPlatformFile(
  file: string,
  { stateDir, withoutBus = false }: { stateDir: string; withoutBus?: boolean },
): Promise<Platform> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new FreeholdError('configuration_invalid', `the platform file ${file} cannot be read`, { cause })
  })
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter, prettyErrors: false })
  const fault = document.errors[0]
  if (fault !== undefined)
    throw new FreeholdError(
      'configuration_invalid',
      `${file}, line ${lineCounter.linePos(fault.pos[0]).line}: ${fault.message}`,
    )
  const parsed = platformSchema.safeParse(document.toJS())
  if (parsed.success)
    return {
      ...parsed.data,
      ...(withoutBus ? { buses: [], governance: undefined } : {}),
      archives: withFolder(parsed.data.archives, stateDir),
      cells: parsed.data.cells.map((cell) => ({
        ...cell,
        objectStore: withFolder(cell.objectStore, stateDir),
        network: { policies: resolve(stateDir, cell.network.policies) },
      })),
    }
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
  throw new FreeholdError('configuration_invalid', `${file}: ${faults.join('; ')}`)
}

function withFolder<S extends ObjectStoreDeclaration | ArchivesDeclaration>(store: S, stateDir: string): S {
  return store.kind === 'file-system' ? { ...store, root: resolve(stateDir, store.root) } : store
}
