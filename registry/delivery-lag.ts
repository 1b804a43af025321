import { governance, type DestinationKind } from './deliveries.ts'
import type { EntityManager } from './orm.ts'

/**
 * What waits, by kind of destination. The worst error is the one that came most often in a row; of a tenant's topic only
 * its code, because whoever may ask how the service is does not get to know a tenant's name.
 */
export const lagQuery = `
  select split_part(d.destination, '/', 1) as destination, sum(d.head - d.cursor)::float8 as undelivered,
    count(d.error)::float8 as failing,
    coalesce(extract(epoch from now() - min(e.time)), 0)::float8 as "oldestSeconds",
    (array_agg(case when d.destination = '${governance}' then d.error else split_part(d.error, ':', 1) end
      order by d.attempts desc) filter (where d.error is not null))[1] as "worstError"
  from deliveries d left join events e on e.stream = d.stream and e.seq = d.cursor + 1
  where d.head > d.cursor group by split_part(d.destination, '/', 1)`

/** Events that wait for delivery to one kind of destination. */
export type DeliveryLag = {
  readonly destination: DestinationKind
  readonly undelivered: number
  /** Streams whose last delivery failed. */
  readonly failing: number
  readonly oldestSeconds: number
  readonly worstError: string | null
}

/** What waits for delivery; kinds of destinations for which nothing does are not there. */
export async function deliveryLag(em: EntityManager): Promise<DeliveryLag[]> {
  return em.execute<DeliveryLag[]>(`${lagQuery} order by 1`)
}
