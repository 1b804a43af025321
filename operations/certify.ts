import type { NewEvent } from '../domain/events.ts'
import type { JsonObject } from '../domain/json.ts'
import { one, type Sql } from '../registry/sql.ts'
import type { Erased } from './erase.ts'
import { keepReport } from './keep-report.ts'
import { operationEvent } from './operation-event.ts'
import type { LockedOperation } from './rows.ts'

type Seen = { removed: JsonObject[]; seq: number | null; head: string | null }

const backups =
  'Copies outside of Freehold, such as backups of the servers and topics that events were sent to, last as long as whoever runs those keeps them. What was sealed with the key of the tenant is unreadable there too.'

/**
 * Issues the certificate of a deletion: what was removed and looked for again, that the key is destroyed, and where the trail
 * stood. It is kept as a report, and its hash goes into the trail.
 */
export async function certifyDeletion(sql: Sql, held: LockedOperation, erased: Erased): Promise<NewEvent> {
  const { operation, tenant } = held
  const { removed, seq, head } = await one(
    sql<Seen>({
      name: 'seen-of-removal',
      text: `select
          (select coalesce(jsonb_agg(body::jsonb -> 'data' order by seq), '[]') from events
            where stream = $1 and operation_id = $2 and type = 'TENANCY_RESOURCE_REMOVED') as removed,
          (select seq::float8 from event_streams where id = $1) as seq,
          (select head from event_streams where id = $1) as head`,
      values: [tenant.id, operation.id],
    }),
  )
  const { id, hash } = await keepReport(sql, held, 'deletion-certificate', {
    removed,
    key: {
      destroyed: true,
      fingerprint: erased.keyFingerprint,
      ...(erased.masterKey === null ? {} : { masterKey: erased.masterKey }),
    },
    trail: { stream: tenant.id, seq, head },
    backups,
  })
  return operationEvent(operation, 'system:worker', 'TENANCY_CERTIFICATE_ISSUED', { report: id, sha256: hash })
}
