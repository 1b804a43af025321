import type { EntityManager } from './orm.ts'

type TopicOf = { tenant: string; environment: string; placement: number }

/** Destination of what goes to the governance topic: the events of every stream. */
export const governance = 'governance'

/** Destination of what goes to the topic of one placement: the events of its tenant. */
export function topicDestination({ environment, placement }: Omit<TopicOf, 'tenant'>): string {
  return `topic/${environment}/${placement}`
}

/** Has the topic receive the events of its tenant, from the first one on. */
export async function openDelivery(em: EntityManager, topic: TopicOf): Promise<void> {
  await em.execute(
    `insert into deliveries (stream, destination, head) select id, ?, seq from event_streams where id = ?
     on conflict do nothing`,
    [topicDestination(topic), topic.tenant],
  )
}

/** Ends the delivery to a topic that is gone. */
export async function closeDelivery(em: EntityManager, topic: TopicOf): Promise<void> {
  await em.execute('delete from deliveries where stream = ? and destination = ?', [
    topic.tenant,
    topicDestination(topic),
  ])
}
