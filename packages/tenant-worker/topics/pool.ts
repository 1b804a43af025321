type Closable = { close(): Promise<void> }
type Connection<C> = { opened: Promise<{ client: C; credential: string }>; links: number; isRetired: boolean }
type Entry<C, L> = { link: Promise<L>; connection: Connection<C>; users: number; isBroken: boolean }

/** Links to topics of one bus, over few connections. */
export type LinkPool<L> = {
  /** Lends the link to a topic; everybody who asks for the same topic shares it. A link whose work fails is given up. */
  use<T>(topic: string, work: (link: L) => Promise<T>): Promise<T>
  /** Gives up the connection of a topic's link when the credential has changed meanwhile. */
  renew(topic: string): Promise<void>
  /** Closes everything; the caller sees to it that nothing is lent any more. */
  close(): Promise<void>
}

/**
 * A pool of `clients` x `linksPerClient` links. A link stays open until its room is needed for another; the one that was not
 * used for longest goes, never one that is lent. Who finds no room waits for it. Opening gets slower with every link of a
 * connection, and the service allows 4,999.
 */
export function createLinkPool<C extends Closable, L extends Closable>(options: {
  readonly clients: number
  readonly linksPerClient: number
  readonly credential: () => Promise<string>
  readonly connect: (credential: string) => C
  readonly open: (client: C, topic: string) => L
}): LinkPool<L> {
  const { clients, linksPerClient, credential, connect, open } = options
  const room = clients * linksPerClient
  const connections = new Set<Connection<C>>()
  const lent = new Map<string, Entry<C, L>>()
  /** The one that was not used for longest is first. */
  const idle = new Map<string, Entry<C, L>>()
  let closing = 0
  let wake = Promise.withResolvers<void>()

  function connection(): Connection<C> {
    const free = [...connections].find(({ links }) => links < linksPerClient)
    if (free !== undefined) return free
    const opened = credential().then((text) => ({ client: connect(text), credential: text }))
    const made = { opened, links: 0, isRetired: false }
    connections.add(made)
    opened.catch(() => connections.delete(made))
    return made
  }

  async function acquire(topic: string): Promise<Entry<C, L>> {
    for (;;) {
      const known = lent.get(topic) ?? idle.get(topic)
      if (known !== undefined) {
        idle.delete(topic)
        lent.set(topic, known)
        known.users += 1
        return known
      }
      if (lent.size + idle.size + closing < room) break
      const [oldest] = idle
      if (oldest === undefined) await wake.promise
      else {
        idle.delete(oldest[0])
        await end(oldest[1])
      }
    }
    const on = connection()
    on.links += 1
    const entry = {
      link: on.opened.then(({ client }) => open(client, topic)),
      connection: on,
      users: 1,
      isBroken: false,
    }
    lent.set(topic, entry)
    return entry
  }

  function release(topic: string, entry: Entry<C, L>): void {
    entry.users -= 1
    if (entry.users === 0) {
      lent.delete(topic)
      if (entry.isBroken || entry.connection.isRetired) void end(entry)
      else idle.set(topic, entry)
    }
    wakeAll()
  }

  /** Closes a link; its room is free when it is closed. */
  async function end({ link, connection: on }: Entry<C, L>): Promise<void> {
    closing += 1
    await link.then((opened) => opened.close()).catch(ignore)
    closing -= 1
    on.links -= 1
    if (on.isRetired && on.links === 0) await disconnect(on)
    wakeAll()
  }

  function wakeAll(): void {
    wake.resolve()
    wake = Promise.withResolvers()
  }

  return {
    async use(topic, work) {
      const entry = await acquire(topic)
      try {
        return await work(await entry.link)
      } catch (error) {
        entry.isBroken = true
        throw error
      } finally {
        release(topic, entry)
      }
    },

    async renew(topic) {
      const on = (lent.get(topic) ?? idle.get(topic))?.connection
      const before = await on?.opened.catch(ignore)
      if (on === undefined || before === undefined || (await credential()) === before.credential) return
      on.isRetired = true
      connections.delete(on)
      const unused = [...idle].filter(([, entry]) => entry.connection === on)
      for (const [name] of unused) idle.delete(name)
      await Promise.all(unused.map(([, entry]) => end(entry)))
    },

    async close() {
      const all = [...connections]
      connections.clear()
      await Promise.all(all.map(disconnect))
    },
  }
}

async function disconnect<C extends Closable>({ opened }: Connection<C>): Promise<void> {
  await opened.then(({ client }) => client.close()).catch(ignore)
}

function ignore(): undefined {
  return undefined
}
