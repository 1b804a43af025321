import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { LineCounter, parseDocument } from 'yaml'
import { FreeholdError } from '../domain/errors.ts'
import { platformSchema, type Platform } from '../domain/platform.ts'

/**
 * Reads and checks the platform file. Throws `configuration_invalid` with file, path and line.
 * @param stateDir a relative root of an object store is below it
 */
export async function readPlatformFile(file: string, stateDir: string): Promise<Platform> {
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
      cells: parsed.data.cells.map((cell) => ({
        ...cell,
        objectStore: { ...cell.objectStore, root: resolve(stateDir, cell.objectStore.root) },
      })),
    }
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
  throw new FreeholdError('configuration_invalid', `${file}: ${faults.join('; ')}`)
}
