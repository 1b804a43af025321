import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { portOf } from './proxy.ts'
import { asksForEncryption, createFramer, isReady, readOpening, readStatement, type Opening } from './wire.ts'

/** A statement on its way to the server. */
export type Seen = Opening & { readonly text: string; readonly session: object }

/** What becomes of the connection after a trap: it goes on, it ends, or it stays open and nothing is carried any more. */
export type Fate = 'pass' | 'cut' | 'hang'

/** Something that happens before a statement is sent, or after it was carried out and before its client hears of it. */
export type Trap = { readonly when: 'before' | 'after'; readonly spring: () => Promise<Fate> }

export type StatementProxy = Awaited<ReturnType<typeof startStatementProxy>>

type Session = { readonly ends: readonly Socket[]; opening: Opening; isSilent: boolean; held: Trap | undefined }

/** A network between clients and a PostgreSQL server that reads what passes, and springs traps at statements. */
export async function startStatementProxy(target: { host: string; port: number }) {
  const sessions = new Set<Session>()
  let watch: ((seen: Seen) => Trap | undefined) | undefined
  let delayMs = 0
  let isDown = false
  const server = createServer(join)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const port = portOf(server)

  function join(client: Socket): void {
    if (isDown) return void client.destroy()
    const upstream = connect(target.port, target.host)
    const opening: Opening = { application: '', user: '', database: '' }
    const session: Session = { ends: [client, upstream], opening, isSilent: false, held: undefined }
    sessions.add(session)
    for (const one of session.ends) {
      one.setNoDelay(true)
      one.on('error', () => one.destroy())
      one.on('close', () => {
        if (session.isSilent) return
        // What was on its way arrives first.
        for (const other of session.ends) if (other !== one) other.destroySoon()
        sessions.delete(session)
      })
    }
    carry(session, client, upstream)
  }

  function carry(session: Session, client: Socket, upstream: Socket): void {
    const [asked, answered] = [createFramer(), createFramer()]
    let isOpen = false
    let letters = 0
    const inTurn = (from: Socket, work: () => Promise<void>) => {
      let last = Promise.resolve()
      from.on('data', () => {
        last = last.then(work).catch(() => end(session))
      })
    }
    client.on('data', (chunk: Buffer) => asked.feed(chunk))
    upstream.on('data', (chunk: Buffer) => answered.feed(chunk))
    inTurn(client, async () => {
      for (;;) {
        const message = isOpen ? asked.message() : asked.opening()
        if (message === undefined) return
        if (isOpen) await statement(session, message)
        else if (asksForEncryption(message)) letters += 1
        else {
          session.opening = readOpening(message)
          isOpen = true
        }
        await pass(session, upstream, message)
      }
    })
    inTurn(upstream, async () => {
      for (;;) {
        const message = letters > 0 ? answered.letter() : answered.message()
        if (message === undefined) return
        if (letters > 0) letters -= 1
        else if (session.held !== undefined && isReady(message)) {
          const { spring } = session.held
          session.held = undefined
          suffer(session, await spring())
        }
        await pass(session, client, message)
      }
    })
  }

  async function statement(session: Session, message: Buffer): Promise<void> {
    const text = readStatement(message)
    if (text === undefined) return
    const trap = watch?.({ ...session.opening, text, session })
    if (trap?.when === 'after') session.held = trap
    if (trap?.when === 'before') suffer(session, await trap.spring())
  }

  async function pass(session: Session, to: Socket, message: Buffer): Promise<void> {
    if (delayMs > 0) await sleep(delayMs)
    if (!session.isSilent) to.write(message)
  }

  function suffer(session: Session, fate: Fate): void {
    if (fate === 'hang') session.isSilent = true
    if (fate === 'cut') end(session)
  }

  function end(session: Session): void {
    sessions.delete(session)
    for (const one of session.ends) one.destroy()
  }

  return {
    port,
    /** The URL of the server, as it is reached through here. */
    through: (url: string) => Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(port) }).href,
    /** Looks at every statement from here on, and sets a trap for it or not; called without, nobody looks any more. */
    watch(each?: (seen: Seen) => Trap | undefined): void {
      watch = each
    },
    /** Every message is late by this much, in each direction. */
    latency(milliseconds: number): void {
      delayMs = milliseconds
    },
    /** Nothing gets through for a while. */
    async outage(milliseconds: number): Promise<void> {
      isDown = true
      for (const session of sessions) end(session)
      await sleep(milliseconds)
      isDown = false
    },
    stop(): void {
      server.close()
      for (const session of sessions) end(session)
    },
  }
}
