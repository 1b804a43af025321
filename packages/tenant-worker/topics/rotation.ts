/** Serves any number of items in turns. */
export type Rotation<T> = {
  /** Says which items, by name, are served from now on. */
  set(items: ReadonlyMap<string, T>): void
  /** Begins no more turns and waits for those that are under way. */
  close(): Promise<void>
}

/**
 * Serves items in turns, as many at the same time as there are slots, the one that waited longest first. An item whose turn
 * fails waits longer each time before its next, and holds up nobody.
 * @param serve one turn; with `isCrowded` others wait for it to end
 * @param retryMs how long an item waits after so many failures in a row
 */
export function createRotation<T>(
  slots: number,
  serve: (item: T, isCrowded: boolean) => Promise<void>,
  retryMs: (failures: number) => number,
): Rotation<T> {
  let items: ReadonlyMap<string, T> = new Map()
  let isClosed = false
  const queue = new Set<string>()
  const turns = new Map<string, Promise<void>>()
  const failures = new Map<string, number>()
  const pauses = new Map<string, NodeJS.Timeout>()

  function pump(): void {
    for (const name of queue) {
      if (isClosed || turns.size >= slots) return
      queue.delete(name)
      const item = items.get(name)
      if (item !== undefined) turns.set(name, turn(name, item))
    }
  }

  async function turn(name: string, item: T): Promise<void> {
    try {
      await serve(item, items.size > slots)
      failures.delete(name)
    } catch {
      failures.set(name, (failures.get(name) ?? 0) + 1)
    }
    turns.delete(name)
    enqueue(name)
    pump()
  }

  function enqueue(name: string): void {
    if (isClosed || !items.has(name)) return
    const failed = failures.get(name)
    if (failed === undefined) return void queue.add(name)
    const resume = () => {
      pauses.delete(name)
      queue.add(name)
      pump()
    }
    pauses.set(name, setTimeout(resume, retryMs(failed)))
  }

  return {
    set(wanted) {
      items = wanted
      for (const name of [...failures.keys()].filter((one) => !wanted.has(one))) {
        failures.delete(name)
        clearTimeout(pauses.get(name))
        pauses.delete(name)
      }
      for (const name of wanted.keys()) if (!turns.has(name) && !pauses.has(name)) queue.add(name)
      pump()
    },

    async close() {
      isClosed = true
      for (const pause of pauses.values()) clearTimeout(pause)
      pauses.clear()
      await Promise.all(turns.values())
    },
  }
}
