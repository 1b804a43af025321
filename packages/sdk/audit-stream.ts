import { hash } from 'node:crypto'
import type { SignedHead } from './audit-checkpoints.ts'
import type { AuditEvent, AuditFinding, AuditStream, TellFinding } from './audit-records.ts'

/** What the hashed text says of an event. */
export type AuditBody = {
  id: string
  stream: string
  seq: number
  type: string
  time: string
  operationId?: string
  data?: Record<string, unknown>
}
type Link = { readonly number: number; readonly seq: number; readonly hash: string }

const emptyHead = '0'.repeat(64)

/**
 * Checks one stream, event by event in the order of the registry: each by its hash, against the number that its hashed text
 * says, and against the one before; then its end against everybody who knows how far it goes.
 * @param signed its newest head in a checkpoint
 */
export function createStreamCheck(
  { stream, seq: counted, head, deliveries }: AuditStream,
  signed: SignedHead | undefined,
  report: TellFinding,
) {
  /** Numbers that were passed over, as ranges in their order. */
  const missing: [from: number, to: number][] = []
  let last: Link = { number: 0, seq: 0, hash: emptyHead }
  /** Two that say to be the last one; the next, or the head, tells which is. */
  let twin: Link | undefined
  let isFound = false
  let moved: Link | undefined

  const find = (kind: AuditFinding['kind'], seq: number, expected: string, found: string): void => {
    isFound = true
    report({ kind, stream, seq, expected, found })
  }

  /** Place of the last range that begins at a number or before it; halving, for a forged trail can have as many as events. */
  function rangeOf(number: number): number {
    let [low, high] = [0, missing.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((missing[middle]?.[0] ?? 0) <= number) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  /** Says which of two under one number is not of the chain that goes on with `previous`. */
  function settleTwin(previous: string): void {
    if (twin === undefined) return
    const [stranger, own] = last.hash === previous ? [twin, last] : [last, twin]
    find(
      'inserted',
      stranger.seq,
      `one event ${own.number}, with hash ${own.hash}`,
      `another, with hash ${stranger.hash}`,
    )
    last = own
    twin = undefined
  }

  function goOn(link: Link, previous: string): void {
    settleTwin(previous)
    const said = `hash ${previous}, as event ${link.number} says`
    if (last.hash !== previous) find('changed', Math.max(last.number, 1), said, `hash ${last.hash}`)
    last = link
  }

  function comeLate(link: Link): void {
    const { number, seq } = link
    const at = rangeOf(number)
    const [from, to] = missing[at] ?? [0, -1]
    if (from <= number && number <= to) {
      const left: [number, number][] = [
        [from, number - 1],
        [number + 1, to],
      ]
      missing.splice(at, 1, ...left.filter(([least, most]) => least <= most))
      find('reordered', number, `event ${number} before event ${last.number}`, `at place ${seq}, behind it`)
    } else if (number === last.number && twin === undefined) {
      twin = last
      last = link
    } else find('inserted', seq, `event ${number} once`, 'once more')
  }

  return {
    /** Takes the next event, and gives what its text says, when it is as it was hashed. */
    add(event: AuditEvent): AuditBody | undefined {
      const { seq, previousHash } = event
      const computed = hash('sha256', `${previousHash}\n${event.body}`)
      const isIntact = computed === event.hash
      const body = isIntact ? read(event.body) : undefined
      if (!isIntact) find('changed', seq, `hash ${event.hash}`, `hash ${computed} of what is there`)
      else if (body === undefined) find('changed', seq, 'an event in JSON', 'another text')
      else if (body.stream !== stream) {
        find('inserted', seq, `an event of stream ${stream}`, `one of stream ${body.stream}`)
        return undefined
      } else reportColumns(event, body, find)
      const link = { number: body?.seq ?? seq, seq, hash: event.hash }
      if (signed?.seq === link.number && signed.hash !== link.hash)
        find(
          'changed',
          link.number,
          `hash ${signed.hash}, signed by checkpoint ${signed.checkpoint}`,
          `hash ${link.hash}`,
        )
      if (link.number !== seq) moved ??= link
      if (link.number <= last.number) comeLate(link)
      else if (link.number === last.number + 1) goOn(link, previousHash)
      else {
        settleTwin('')
        missing.push([last.number + 1, link.number - 1])
        last = link
      }
      return body
    },

    /** Compares the end with what the registry, the checkpoints and the deliveries know; gives how many events are not signed yet. */
    end(): number {
      settleTwin(head)
      for (const [from, to] of missing) find('removed', from, `events ${from} to ${to}`, 'none of them')
      const known = [
        { seq: counted, who: `the registry counts ${counted}` },
        { seq: signed?.seq ?? 0, who: `checkpoint ${signed?.checkpoint} has signed event ${signed?.seq}` },
        ...deliveries.map((one) => ({
          seq: one.head,
          who: `the delivery to ${one.destination} knows of event ${one.head}`,
        })),
      ].toSorted((a, b) => b.seq - a.seq)
      const [most] = known
      if (most !== undefined && most.seq > last.number)
        find('cut tail', last.number + 1, most.who, `${last.number} events`)
      else if (last.number > counted)
        find('inserted', counted + 1, `${counted} events, as the registry counts`, `events up to ${last.number}`)
      else if (last.hash !== head)
        find('changed', last.number, `hash ${head}, the head in the registry`, `hash ${last.hash}`)
      if (moved !== undefined && !isFound)
        find('changed', moved.seq, `event ${moved.number} at place ${moved.number}`, `at place ${moved.seq}`)
      for (const { destination, head: knows, cursor } of deliveries)
        if (cursor > Math.min(knows, counted))
          find(
            'cursor beyond head',
            cursor,
            `no more than ${Math.min(knows, counted)} events`,
            `${destination} has ${cursor}`,
          )
      return Math.max(0, last.number - (signed?.seq ?? 0))
    },
  }
}

/** The columns beside the text say what the text says. */
function reportColumns(
  event: AuditEvent,
  body: AuditBody,
  find: (kind: 'changed', seq: number, expected: string, found: string) => void,
): void {
  const pairs = [
    ['id', body.id, event.id],
    ['type', body.type, event.type],
    ['time', body.time, event.time],
    ['operation', body.operationId ?? null, event.operation],
  ] as const
  for (const [name, said, there] of pairs)
    if (said !== there) find('changed', event.seq, `${name} ${said}, as its text says`, `${name} ${there}`)
}

function read(text: string): AuditBody | undefined {
  try {
    const value = JSON.parse(text) as AuditBody
    return Number.isSafeInteger(value.seq) && typeof (value.data ?? {}) === 'object' ? value : undefined
  } catch {
    return undefined
  }
}
