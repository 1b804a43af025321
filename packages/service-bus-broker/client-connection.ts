import rhea from 'rhea'
import type { EventContext, Receiver, Sender } from 'rhea'
import { Authorizations } from './authorizations.ts'
import { putToken } from './cbs.ts'
import type { Request } from './cbs.ts'
import { parseEntityPath } from './entity-path.ts'
import type { EntityPath } from './entity-path.ts'
import { BrokerError, errors } from './errors.ts'
import { IncomingLink } from './incoming-link.ts'
import { manage } from './management.ts'
import type { Namespace } from './namespace.ts'
import { OutgoingLink } from './outgoing-link.ts'
import { answerAttach, faultOf } from './rhea-link.ts'
import type { Right } from './sas.ts'

const { types } = rhea

/** Writes one line of the broker's log. */
export type Log = (message: string) => void

/** How many requests may be on the way on a request-response link. */
const requestCredit = 100

/** What a link's events do. */
type LinkHandlers = Partial<
  Record<
    'message' | 'accepted' | 'modified' | 'released' | 'rejected' | 'credited' | 'sendable' | 'draining',
    (c: EventContext) => void
  >
> & { closed: () => void; disconnected: () => void }

/** One client's connection: what it was granted, and its links. */
export class ClientConnection {
  readonly #namespace: Namespace
  readonly #log: Log
  readonly #authorizations: Authorizations
  /** Senders of replies by link name, which requests give as `reply-to`. */
  readonly #replies = new Map<string, Sender>()
  readonly #links = new Map<Sender | Receiver, LinkHandlers>()

  constructor(namespace: Namespace, log: Log) {
    this.#namespace = namespace
    this.#log = log
    this.#authorizations = new Authorizations(namespace.around.ticker, namespace.around.now)
  }

  /** Passes a link's event on. An error in it closes the link, never the broker. */
  handle(event: keyof LinkHandlers, context: EventContext): void {
    const link = context.sender ?? context.receiver
    if (!link) return
    try {
      this.#links.get(link)?.[event]?.(context)
      if (event === 'closed') this.#links.delete(link)
    } catch (error) {
      this.#report(error)
      link.close(faultOf(error))
    }
  }

  /** The client opened a link; what refuses it closes it again. */
  attach(link: Sender | Receiver): void {
    try {
      if (link.is_receiver()) this.#attachReceiver(link as Receiver)
      else this.#attachSender(link as Sender)
    } catch (error) {
      this.#report(error)
      link.close(faultOf(error))
    }
  }

  /** The client ended a session, and with it the links on it. */
  sessionClosed(context: EventContext): void {
    for (const link of this.#links.keys()) {
      if (link.session !== context.session) continue
      this.handle(
        'closed',
        link.is_receiver() ? { ...context, receiver: link as Receiver } : { ...context, sender: link as Sender },
      )
    }
  }

  /** The connection is gone, whether it was closed or broke. */
  disconnected(): void {
    for (const handlers of this.#links.values()) handlers.disconnected()
    this.#links.clear()
    this.#authorizations.clear()
  }

  /** The client sends on this link: messages to a topic, or requests. */
  #attachReceiver(link: Receiver): void {
    const address = link.target?.address ?? ''
    if (address === '$cbs')
      return this.#attachRequests(link, (request) => {
        putToken(request, this.#namespace, this.#authorizations)
        return {}
      })
    const path = this.#pathOf(address)
    if (path.management) {
      const entity = address.slice(0, address.lastIndexOf('/')).toLowerCase()
      return this.#attachRequests(link, (request) =>
        manage(request, this.#namespace, path, (right) => this.#requireOn(entity, address, right)),
      )
    }
    if (path.subscription !== undefined) throw errors.notAllowed(`Messages are sent to a topic, not to '${address}'.`)
    const topic = this.#namespace.topic(path.topic)
    topic.requireSendable()
    const release = this.#guard(link, address, 'Send')
    const incoming = new IncomingLink(link, topic, this.#namespace)
    const closed = () => {
      release()
      incoming.closed()
    }
    this.#links.set(link, { message: (context) => incoming.receive(context), closed, disconnected: closed })
  }

  /** The client receives on this link: messages of a subscription, or replies. */
  #attachSender(link: Sender): void {
    const address = link.source?.address ?? ''
    if (address === '$cbs' || this.#pathOf(address).management) {
      answerAttach(link)
      this.#replies.set(link.name, link)
      const closed = () => this.#replies.delete(link.name)
      this.#links.set(link, { closed, disconnected: closed })
      return
    }
    const source = this.#namespace.source(this.#pathOf(address))
    const outgoing = new OutgoingLink(link, source, this.#namespace.around.storage)
    const release = this.#guard(link, address, 'Listen', outgoing)
    this.#links.set(link, {
      credited: () => outgoing.credited(),
      sendable: () => outgoing.flow(),
      draining: () => outgoing.drain(),
      accepted: (context) => outgoing.accepted(context),
      modified: (context) => outgoing.modified(context),
      released: (context) => outgoing.released(context),
      rejected: (context) => outgoing.rejected(context),
      closed: () => {
        release()
        outgoing.closed()
      },
      disconnected: () => {
        release()
        outgoing.disconnected()
      },
    })
    outgoing.open(this.#namespace.around.now())
  }

  #attachRequests(link: Receiver, run: (request: Request) => { body?: Record<string, unknown> }): void {
    answerAttach(link)
    link.add_credit(requestCredit)
    const message = ({ message: request, delivery }: EventContext) => {
      delivery?.accept()
      link.add_credit(1)
      const { reply_to, message_id = '', application_properties = {}, body } = request ?? {}
      const reply = (status: Record<string, unknown>, replyBody?: Record<string, unknown>) =>
        this.#replies.get(String(reply_to))?.send({
          correlation_id: message_id,
          application_properties: status,
          body: replyBody,
        })
      try {
        const { body: replyBody } = run({ body, properties: application_properties })
        const status = this.#status(link, replyBody || link.target.address === '$cbs' ? 202 : 204, 'OK')
        this.#namespace.around.storage.whenDurable(() => reply(status, replyBody))
      } catch (error) {
        this.#report(error)
        const { condition, description } = faultOf(error)
        const code = error instanceof BrokerError ? error.status : 500
        reply({ ...this.#status(link, code, description), errorCondition: types.wrap_symbol(condition) })
      }
    }
    this.#links.set(link, { message, closed: () => {}, disconnected: () => {} })
  }

  /** The two kinds of request-response nodes spell the status differently. */
  #status(link: Receiver, code: number, description: string): Record<string, unknown> {
    return link.target.address === '$cbs'
      ? { 'status-code': types.wrap_int(code), 'status-description': description }
      : { statusCode: types.wrap_int(code === 202 ? 200 : code), statusDescription: description }
  }

  #pathOf(address: string): EntityPath {
    const path = parseEntityPath(address)
    if (!path) throw errors.entityNotFound(address)
    return path
  }

  #guard(link: Sender | Receiver, address: string, right: Right, owner?: OutgoingLink): () => void {
    const detach = (error: BrokerError) => (owner ? owner.detach(error) : link.close(faultOf(error)))
    return this.#authorizations.guard({ path: address.toLowerCase(), right, detach })
  }

  /** A token for the entity or for its management node both do. */
  #requireOn(entity: string, address: string, right: Right): void {
    try {
      this.#authorizations.require(address.toLowerCase(), right)
    } catch {
      this.#authorizations.require(entity, right)
    }
  }

  #report(error: unknown): void {
    if (!(error instanceof BrokerError))
      this.#log(error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
}
