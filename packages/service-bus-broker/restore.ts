import type { Namespace } from './namespace.ts'
import type { Entry } from './message.ts'
import { entryOf } from './storage.ts'
import type { Storage } from './storage.ts'
import { deadLetterBox, mainBox, Subscription } from './subscription.ts'
import { Topic } from './topic.ts'

type Row = Record<string, unknown>

/** Rows by a number of theirs. */
const byNumber = (rows: Row[], key: string) => Map.groupBy(rows, (row) => Number(row[key]))

/**
 * Fills namespaces with what the store holds: entities, messages, session states, duplicate detection and schedules. Locks
 * are not kept: after a restart every message that was locked is available again. Gives the highest id in use.
 */
export function restore(storage: Storage, namespaces: ReadonlyMap<string, Namespace>): number {
  const entities = storage.rows('entities')
  const messages = byNumber(storage.rows('messages'), 'box')
  const states = byNumber(storage.rows('sessions'), 'subscription')
  const seen = byNumber(storage.rows('seen'), 'topic')
  const entries = (box: number): Entry[] => (messages.get(box) ?? []).map(entryOf)
  const topics = new Map<number, Topic>()
  for (const row of entities) {
    const namespace = namespaces.get(String(row['namespace']))
    if (!namespace || row['parent'] !== null) continue
    const [id, description] = [Number(row['id']), JSON.parse(String(row['description']))]
    const windows = (seen.get(id) ?? []).map((each): [string, number] => [
      String(each['message']),
      Number(each['until']),
    ])
    const inOrder = new Map(windows.toSorted(([, a], [, b]) => a - b))
    const topic = new Topic(id, description, namespace.around, Number(row['sequence']), inOrder)
    for (const entry of entries(mainBox(id))) topic.restoreScheduled(entry)
    namespace.topics.set(topic.path.toLowerCase(), topic)
    topics.set(id, topic)
  }
  for (const row of entities) {
    const namespace = namespaces.get(String(row['namespace']))
    const topic = topics.get(Number(row['parent']))
    if (!namespace || !topic) continue
    const [id, description] = [Number(row['id']), JSON.parse(String(row['description']))]
    const kept = (states.get(id) ?? []).map((each): [string, Buffer] => [
      String(each['session']),
      each['state'] instanceof Uint8Array ? Buffer.from(each['state']) : Buffer.alloc(0),
    ])
    const subscription = new Subscription(id, topic.path, description, namespace.around, new Map(kept))
    for (const entry of entries(mainBox(id))) subscription.main.queue.add(entry, true)
    for (const entry of entries(deadLetterBox(id))) subscription.deadLetters.queue.add(entry, true)
    topic.subscriptions.set(description.name.toLowerCase(), subscription)
  }
  return entities.reduce((highest, row) => Math.max(highest, Number(row['id'])), 0)
}
