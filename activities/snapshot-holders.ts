import type { MoverClient } from '../isolation/move/end.ts'

/** An hour: who hashes a tenant for longer takes a new pair of snapshots. They keep the servers from cleaning up. */
const longestMs = 3_600_000

/** Sessions that hold the snapshots of a cut until they were compared, which is a step of its own. */
export function createHolders() {
  const held = new Map<string, { clients: readonly MoverClient[]; timer: NodeJS.Timeout }>()

  /** Ends the sessions of a move. */
  function end(relocation: string): void {
    const found = held.get(relocation)
    if (found === undefined) return
    held.delete(relocation)
    clearTimeout(found.timer)
    for (const client of found.clients) void client.end().catch(() => {})
  }

  return {
    end,
    /** Keeps sessions in place of those before. */
    keep(relocation: string, clients: readonly MoverClient[]): void {
      end(relocation)
      if (clients.length === 0) return
      held.set(relocation, { clients, timer: setTimeout(() => end(relocation), longestMs).unref() })
    },
  }
}
