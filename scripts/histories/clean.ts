/** Says where and when it was recorded, or is long, and changes nothing in a replay. */
const dropped = [
  'clusterTransitionTimestamp',
  'firstExecutionRunId',
  'header',
  'heartbeatTimeout',
  'historySizeBytes',
  'identity',
  'meteringMetadata',
  'priority',
  'requestId',
  'retryPolicy',
  'scheduleToCloseTimeout',
  'scheduleToStartTimeout',
  'stackTrace',
  'startToCloseTimeout',
  'suggestContinueAsNew',
  'taskId',
  'useWorkflowBuildId',
  'userMetadata',
  'version',
  'workerVersion',
]
const uuid = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g

/**
 * A history without what a replay does not need, as text, an event a line. Ids become numbers in the order of their
 * appearance, so that recording again changes what a workflow does and little else.
 */
export function cleanHistory(history: object): string {
  const ids = new Map<string, string>()
  const renumber = (text: string) =>
    text
      .replaceAll(uuid, (id) => {
        const known = ids.get(id) ?? `00000000-0000-4000-8000-${String(ids.size + 1).padStart(12, '0')}`
        ids.set(id, known)
        return known
      })
      // When a local activity was scheduled and ended.
      .replaceAll(/"seconds":\d{10},"nanos":\d+/g, `"seconds":${Date.UTC(2026, 0) / 1000},"nanos":0`)

  function cleaned(value: unknown): unknown {
    if (typeof value === 'string') return renumber(value)
    if (Array.isArray(value)) return value.map(cleaned)
    if (value === null || typeof value !== 'object') return value
    // What goes through a workflow is JSON in base64.
    if ('data' in value && 'metadata' in value && typeof value.data === 'string') {
      const text = Buffer.from(value.data, 'base64').toString()
      return { metadata: value.metadata, data: Buffer.from(renumber(text)).toString('base64') }
    }
    // The name of a sticky queue is that of a process and its machine.
    if ('kind' in value && value.kind === 'TASK_QUEUE_KIND_STICKY') return { name: 'sticky', kind: value.kind }
    // A replay compares the types of activities, not what they are told.
    const droppedHere = 'activityType' in value ? [...dropped, 'input'] : dropped
    const kept = Object.entries(value).filter(([key]) => !droppedHere.includes(key))
    return Object.fromEntries(kept.map(([key, part]) => [key, cleaned(part)]))
  }

  const { events } = cleaned(history) as { events: { eventId: string; eventTime: string }[] }
  // A replay wants times; the true ones are nobody's business.
  for (const event of events) event.eventTime = new Date(Date.UTC(2026, 0) + Number(event.eventId)).toISOString()
  return `{"events":[\n${events.map((event) => JSON.stringify(event)).join(',\n')}\n]}\n`
}
