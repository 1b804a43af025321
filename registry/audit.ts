import type { CheckpointRow } from './entities/checkpoint.ts'
import type { Sql } from './sql.ts'

/** Which events are asked for; what is undefined does not matter. */
export type AuditFilter = {
  readonly stream?: string | undefined
  readonly type?: string | undefined
  readonly actor?: string | undefined
  readonly operation?: string | undefined
  readonly correlationId?: string | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
}
/** An event as it is listed over all streams; `body` is the canonical text. */
export type ListedEvent = { id: string; stream: string; body: string; previousHash: string; hash: string }

/**
 * Events of all streams that fit, in the order of their ids, which is that of their times; at most `limit` behind the id `after`.
 * Each filter is a condition of its own, so that the planner sees only those that are asked for.
 */
export async function listAudit(
  sql: Sql,
  { stream, type, actor, operation, correlationId, from, to }: AuditFilter,
  { limit, after }: { limit: number; after: string | undefined },
): Promise<ListedEvent[]> {
  const conditions: [string, unknown][] = []
  const where = (text: string, value: unknown) => {
    if (value !== undefined) conditions.push([text, value])
  }
  where('stream = ?', stream)
  where('type = ?', type)
  where(`body::jsonb ->> 'actor' = ?`, actor)
  where('operation_id = ?::uuid', operation)
  where(`stream = (select tenant_id::text from operations where id = ?::uuid)`, operation)
  where(`body::jsonb ->> 'correlationId' = ?`, correlationId)
  where('time >= ?::timestamptz', from)
  where('id >= ?::uuid', from && firstId(from))
  where('time < ?::timestamptz', to)
  where('id > ?::uuid', after)
  const texts = conditions.map(([text], at) => text.replace('?', `$${at + 1}`))
  return sql<ListedEvent>({
    text: `select id, stream, body, previous_hash as "previousHash", hash from events
      ${texts.length === 0 ? '' : `where ${texts.join(' and ')}`} order by id limit $${conditions.length + 1}`,
    values: [...conditions.map(([, value]) => value), limit],
  })
}

/** The least id of an event that is not older: ids begin with their time in milliseconds. One second for clocks that were set back. */
function firstId(from: string): string {
  const hex = Math.max(0, Date.parse(from) - 1_000)
    .toString(16)
    .padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`
}

export type ListedCheckpoint = Omit<CheckpointRow, 'key'> & { keyId: string }

/** Checkpoints in order, behind a number; at most `limit`. */
export function listCheckpoints(sql: Sql, after: number, limit: number): Promise<ListedCheckpoint[]> {
  return sql<ListedCheckpoint>({
    name: 'list-checkpoints',
    text: `select number, document, hash, key_id as "keyId", signature, created_at as "createdAt" from checkpoints
      where number > $1 order by number limit $2`,
    values: [after, limit],
  })
}
