import type { Api } from './api.ts'
import type { AuditRecord } from './audit-records.ts'
import { NoAnswerError } from './errors.ts'
import type { paths } from './generated.ts'

/** Which events of the trail are asked for. */
export type AuditFilters = Omit<NonNullable<paths['/v1/audit']['get']['parameters']['query']>, 'limit' | 'cursor'>

const ndjson = 'application/x-ndjson'

/** An export of the trail as it comes. Throws what a client throws. */
export async function exportAudit(api: Api, tenant: string | undefined): Promise<ReadableStream<Uint8Array>> {
  const { data, response } = await api.GET('/v1/audit', {
    params: { query: tenant === undefined ? {} : { tenant } },
    headers: { accept: ndjson },
    parseAs: 'stream',
  })
  if (data && response.headers.get('content-type')?.startsWith(ndjson)) return data as ReadableStream<Uint8Array>
  throw new NoAnswerError('not-freehold', 'what answers is not the Freehold API: it sends no export', {})
}

/**
 * The records of an export, some at a time, whether it comes from the API or from a file. Throws a SyntaxError that names the
 * line for what is no record.
 */
export async function* readRecords(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<readonly AuditRecord[]> {
  const decoder = new TextDecoder()
  let rest = ''
  let line = 0
  const records = (lines: readonly string[]) =>
    lines.flatMap((text) => {
      line += 1
      return text === '' ? [] : [toRecord(text, line)]
    })
  for await (const piece of bytes) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    yield records(lines)
  }
  yield records([rest + decoder.decode()])
}

function toRecord(text: string, line: number): AuditRecord {
  try {
    const value = JSON.parse(text) as AuditRecord | null
    if (typeof value?.kind === 'string') return value
  } catch {
    // Told below; the parser's own message quotes the text.
  }
  throw new SyntaxError(`line ${line} is no record of an export of the audit trail`)
}
