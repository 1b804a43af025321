import type { ResourceSpec } from '../domain/resources.ts'
import type { Sql } from './sql.ts'

type TopicOf = { tenantId: string; spec: Pick<ResourceSpec, 'key' | 'cell'> }

/** Destination of what goes to the governance topic: the events of every stream. */
export const governance = 'governance'

/** Kinds of destinations; the first part of a destination's name. */
export const destinationKinds = ['governance', 'topic'] as const
export type DestinationKind = (typeof destinationKinds)[number]

/** Destination of what goes to a topic: the events of its tenant. */
export function topicDestination(key: string): string {
  return `topic/${key}`
}

/** Has a topic receive the events of its tenant, from the first one on. */
export async function openDelivery(sql: Sql, { tenantId, spec }: TopicOf): Promise<void> {
  await sql({
    text: `insert into deliveries (stream, destination, head, bus)
      select id, $2, seq, $3 from event_streams where id = $1 on conflict do nothing`,
    values: [tenantId, topicDestination(spec.key), spec.cell],
  })
}

/** Ends the delivery to a topic that is gone. */
export async function closeDelivery(sql: Sql, { tenantId, spec }: TopicOf): Promise<void> {
  await sql({
    text: 'delete from deliveries where stream = $1 and destination = $2',
    values: [tenantId, topicDestination(spec.key)],
  })
}

/** A destination of a stream that a relay holds the lease of. */
export type ClaimedDelivery = {
  readonly stream: string
  readonly destination: string
  /** Sequence number of the last event it has. */
  readonly cursor: number
  /** Sequence number of the last event there was when it was claimed: the claim's commit has put it on the disk. */
  readonly head: number
  /** The topic behind it and the reference to its bus' credential; null for the governance topic, or when it is gone. */
  readonly topic: string | null
  readonly credential: string | null
}

const claim = (whose: string) => `with due as (
    select stream, destination from deliveries
    where head > cursor and ${whose} and due_at <= now() and (leased_until is null or leased_until < now())
    order by due_at limit $1 for update skip locked
  ), claimed as (
    update deliveries d set leased_by = $2, leased_until = now() + make_interval(secs => $3)
    from due where d.stream = due.stream and d.destination = due.destination
    returning d.stream, d.destination, d.cursor::float8 as cursor, d.head::float8 as head, d.bus
  )
  select c.stream, c.destination, c.cursor, c.head, r.name as topic, b.declaration ->> 'credential' as credential
  from claimed c left join buses b on b.name = c.bus
  left join resources r on r.kind = 'topic'
    and r.tenant_id = case when c.bus is not null then c.stream::uuid end
    and c.destination = 'topic/' || r.key`
const claimOfBus = claim('bus = $4')
const claimGovernance = claim('bus is null')

/**
 * Takes the lease of destinations that lack events and are due, those that wait longest first; never one that another
 * relay holds. One short transaction, so that those who append do not wait for the relay.
 * @param options `bus` whose topics; null for the governance topic. `relay` a UUID; `leaseSeconds` until others may take over
 */
export async function claimDeliveries(
  sql: Sql,
  options: { relay: string; bus: string | null; limit: number; leaseSeconds: number },
): Promise<ClaimedDelivery[]> {
  const { relay, bus, limit, leaseSeconds } = options
  return bus === null
    ? sql<ClaimedDelivery>({ name: 'claim-governance', text: claimGovernance, values: [limit, relay, leaseSeconds] })
    : sql<ClaimedDelivery>({ name: 'claim-topics', text: claimOfBus, values: [limit, relay, leaseSeconds, bus] })
}

/** An event as it is stored; `body` is the canonical text. */
export type StoredEvent = {
  readonly stream: string
  readonly seq: number
  readonly body: string
  readonly previousHash: string
  readonly hash: string
}

/** A claimed delivery with events it lacks, in order. */
export type PendingDelivery = { readonly delivery: ClaimedDelivery; readonly events: readonly StoredEvent[] }

/**
 * What each of the claimed lacks, in the order of the claims. What came after the claim may be lost in a crash, and must not
 * be told before.
 * @param limits how many events of one stream, and in all, at most
 */
export async function undelivered(
  sql: Sql,
  claimed: readonly ClaimedDelivery[],
  limits: { perStream: number; inAll: number },
): Promise<PendingDelivery[]> {
  const wanted = claimed.map(({ stream, cursor, head }, turn) => ({ turn, stream, cursor, head }))
  const rows = await sql<StoredEvent & { turn: number }>({
    name: 'undelivered',
    text: `select w.turn, e.* from jsonb_to_recordset($1::jsonb) as w (turn int, stream text, cursor bigint, head bigint),
       lateral (select stream, seq::float8 as seq, body, previous_hash as "previousHash", hash
         from events where stream = w.stream and seq > w.cursor and seq <= w.head order by events.seq limit $2) e
     order by w.turn, e.seq limit $3`,
    values: [JSON.stringify(wanted), limits.perStream, limits.inAll],
  })
  const events = Map.groupBy(rows, ({ turn }) => turn)
  return claimed.map((delivery, turn) => ({ delivery, events: events.get(turn) ?? [] }))
}

/** What became of a claimed delivery: how far it is now, and, unless nothing was tried, whether and why it failed. */
export type DeliveryResult = Pick<ClaimedDelivery, 'stream' | 'destination' | 'cursor'> & {
  readonly tried: boolean
  readonly error?: string
  /** The longest a failure is left alone, in seconds. */
  readonly longestWait?: number
}

/** What failed once is tried again after this; then after twice as long, and so on. */
const firstRetrySeconds = 1

/** Rows are locked in one order, the order of those who append, so that the two never wait for each other in a circle. */
const settle = `with result as (
    select * from jsonb_to_recordset($1::jsonb)
      as r (stream text, destination text, cursor bigint, tried boolean, error text, "longestWait" int)
  ), held as (
    select d.stream, d.destination,
      case when not r.tried then d.attempts when r.error is null then 0
        when r.cursor > d.cursor then 1 else d.attempts + 1 end as attempts
    from deliveries d join result r using (stream, destination)
    where d.leased_by = $2 order by d.stream, d.destination for update of d
  )
  update deliveries d set cursor = r.cursor, leased_by = null, leased_until = null,
    attempts = h.attempts,
    error = case when r.tried then r.error else d.error end,
    due_at = case when not r.tried then d.due_at when r.error is null then now()
      else now() + make_interval(secs => least(r."longestWait", ${firstRetrySeconds} * power(2, least(h.attempts, 20) - 1)) * (0.75 + random() / 4)) end
  from held h join result r using (stream, destination)
  where d.stream = h.stream and d.destination = h.destination
  returning d.stream, d.head > d.cursor and r.error is null as more`

/**
 * Records what became of claimed deliveries and gives the leases back. What failed is left alone for `firstRetrySeconds`, then
 * twice as long with each failure in a row, up to `longestWait`, a little less by chance so that not all come back at once. Of a delivery whose lease
 * has gone to another relay nothing is recorded.
 * @returns whether any of those that did not fail lacks more
 */
export async function settleDeliveries(sql: Sql, relay: string, results: readonly DeliveryResult[]): Promise<boolean> {
  const rows = await sql<{ more: boolean }>({
    name: 'settle-deliveries',
    text: settle,
    values: [JSON.stringify(results), relay],
  })
  return rows.some(({ more }) => more)
}

/** Makes due at once what waits after a failure: of one bus (null: the governance topic), or everywhere. */
export async function makeDeliveriesDue(sql: Sql, where?: { bus: string | null }): Promise<void> {
  await sql({
    name: 'hasten-deliveries',
    text: `with waiting as (
        select stream, destination from deliveries
        where head > cursor and due_at > now() and ($1 or bus is not distinct from $2) for update skip locked
      )
      update deliveries d set due_at = now() from waiting w where d.stream = w.stream and d.destination = w.destination`,
    values: [where === undefined, where?.bus ?? null],
  })
}

/** Names of all buses tenants may have topics on. */
export async function busNames(sql: Sql): Promise<string[]> {
  const rows = await sql<{ name: string }>({ name: 'bus-names', text: 'select name from buses order by name' })
  return rows.map(({ name }) => name)
}
