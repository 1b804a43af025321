import { createCheckpointCheck } from './audit-checkpoints.ts'
import type { AuditEvent, AuditExport, AuditFinding, AuditRecord, PublicSigningKey } from './audit-records.ts'
import { createStreamCheck, type AuditBody } from './audit-stream.ts'

/** What was checked, and what is wrong; nothing is when there are no findings. */
export type AuditResult = {
  readonly streams: number
  readonly events: number
  readonly checkpoints: number
  /** Events that came after the last checkpoint of their stream, which nobody has signed yet. */
  readonly unsigned: number
  readonly findings: readonly AuditFinding[]
  /** How many more there are than are named. */
  readonly more: number
}

const mostFindings = 1_000

/**
 * Verifies an audit trail, from the records of an export, in one pass: every hash, every link, every number, the signatures of the
 * checkpoints, and the end of each stream against everybody who knows it. Only checkpoints and their heads are kept in memory.
 * @param records in their order, some at a time, as `readRecords` gives them
 * @param keys the keys that count; without them those of the export, which prove only that it agrees with itself
 */
export async function verifyAudit(
  records: AsyncIterable<readonly AuditRecord[]>,
  { keys }: { keys?: readonly PublicSigningKey[] } = {},
): Promise<AuditResult> {
  const findings: AuditFinding[] = []
  const count = { streams: 0, events: 0, checkpoints: 0, unsigned: 0, findings: 0 }
  const report = (finding: AuditFinding): void => {
    count.findings += 1
    if (findings.length < mostFindings) findings.push(finding)
  }
  const own: PublicSigningKey[] = []
  const checkpoints = createCheckpointCheck(() => keys ?? own, report)
  const seen = new Set<string>()
  let about: AuditExport | undefined
  let current: ReturnType<typeof createStreamCheck> | undefined
  let isEnded = false

  const closeStream = (): void => {
    count.unsigned += current?.end() ?? 0
    current = undefined
  }

  for await (const some of records) for (const record of some) take(record)
  closeStream()
  if (!isEnded || about === undefined)
    report({
      kind: 'cut tail',
      stream: 'export',
      seq: null,
      expected: 'a first line and a last one',
      found: 'not both',
    })
  for (const [stream, { seq, checkpoint }] of checkpoints.heads)
    if (!seen.has(stream) && (about?.tenant == null || about.tenant === stream)) {
      const expected = `events 1 to ${seq}, signed by checkpoint ${checkpoint}`
      report({ kind: 'removed', stream, seq: 1, expected, found: 'nothing of the stream' })
    }
  const { findings: all, ...checked } = count
  return { ...checked, findings, more: all - findings.length }

  function take(record: AuditRecord): void {
    switch (record.kind) {
      case 'export':
        if (about !== undefined) reportPlace('export', null, 'one first line', 'another one')
        about ??= record
        break
      case 'key':
        own.push(record.key)
        break
      case 'checkpoint':
        count.checkpoints += 1
        // What was signed is known before the first event is looked at, or it would be compared with nothing.
        if (count.streams > 0)
          reportPlace('checkpoints', record.number, 'every checkpoint before the first stream', 'one behind it')
        checkpoints.add(record, about?.tenant == null)
        break
      case 'stream':
        closeStream()
        count.streams += 1
        if (seen.has(record.stream)) reportPlace(record.stream, 1, 'every stream once', 'it once more')
        seen.add(record.stream)
        current = createStreamCheck(record, checkpoints.heads.get(record.stream), report)
        break
      case 'event': {
        count.events += 1
        if (current === undefined)
          reportPlace('export', record.seq, 'every event behind its stream', 'one of no stream')
        const body = current?.add(record)
        if (body?.type === 'TENANCY_CHECKPOINT_MADE') reportCheckpoint(record, body)
        break
      }
      case 'end': {
        closeStream()
        isEnded = true
        const { streams, events, checkpoints: signed } = record
        const [said, found] = [
          [streams, events, signed],
          [count.streams, count.events, count.checkpoints],
        ].map(([a, b, c]) => `${a} streams, ${b} events, ${c} checkpoints`)
        if (said !== found)
          report({ kind: 'removed', stream: 'export', seq: null, expected: said ?? '', found: found ?? '' })
      }
    }
  }

  function reportPlace(stream: string, seq: number | null, expected: string, found: string): void {
    report({ kind: 'reordered', stream, seq, expected, found })
  }

  /** What the platform's stream tells of a checkpoint; one that was made since the export began is not in it. */
  function reportCheckpoint({ time }: AuditEvent, { data }: AuditBody): void {
    const [number, said] = [Number(data?.['number']), String(data?.['sha256'])]
    const there = checkpoints.hashes.get(number)
    if (there === said || (there === undefined && about !== undefined && time >= about.at)) return
    const kind = there === undefined ? 'removed' : 'changed'
    const found = there === undefined ? 'no such checkpoint' : `hash ${there}`
    report({ kind, stream: 'checkpoints', seq: number, expected: `hash ${said}, as the platform was told`, found })
  }
}
