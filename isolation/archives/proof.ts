import { createHash } from 'node:crypto'
import type { Inventory } from '../../domain/archive.ts'
import type { JsonObject } from '../../domain/json.ts'

/**
 * What a report says of what was archived: of a database each table by its rows and their hash, of objects the hash of all
 * of them, of secrets how many there are and nothing to guess them by.
 */
export function proofOf(listed: Inventory): JsonObject {
  if (listed.kind === 'secrets') return { kind: listed.kind, secrets: listed.names.length }
  if (listed.kind === 'object-store') {
    const { kind, objects } = listed
    const bytes = objects.reduce((sum, { size }) => sum + size, 0)
    return { kind, objects: objects.length, bytes, sha256: hashOf(objects.map((object) => JSON.stringify(object))) }
  }
  const { kind, structure, tables, sequences } = listed
  return {
    kind,
    structure: hashOf(structure),
    tables: tables.map(({ name, rows, part }) => ({ name, rows, sha256: part.sha256 })),
    sequences: sequences.map(({ name, last, isCalled }) => ({ name, last, isCalled })),
  }
}

const hashOf = (lines: readonly string[]) => createHash('sha256').update(lines.join('\n')).digest('hex')
