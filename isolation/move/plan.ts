import { withMover, type MoveEnd } from './end.ts'
import type { MovePlan } from '../../domain/relocation.ts'
import { inspectSchema } from './inspect.ts'
import { lendPassword } from './rights.ts'
import { serverBlockers } from './server-blockers.ts'

/**
 * The preflight of a move, alone: looks at the schema and its server, as the mover. The target is not there yet, so its server is
 * asked by the move itself.
 */
export async function planMove(source: MoveEnd, signal: AbortSignal): Promise<MovePlan> {
  await lendPassword(source, signal)
  return withMover(source, { signal }, async (client) => {
    // Asked as of a target: membership in the owner role is lent by the move.
    const server = await serverBlockers(client, { role: 'target', ownerRole: '' })
    const { tables, sequences, bytes, blockers } = await inspectSchema(client, source.names.schema)
    return {
      tables: tables.map(({ name, rows, bytes: size }) => ({ name, rows, bytes: size })),
      sequences: sequences.length,
      bytes,
      blockers: [...server, ...blockers],
    }
  })
}
