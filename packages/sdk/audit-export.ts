import type { Api } from './api.ts'
import type { AuditRecord } from './audit-records.ts'
import { toRecord } from './audit-shapes.ts'
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

/** Longer than any line of a genuine export, the largest of which is a checkpoint with a head for each stream. */
const longestLine = 256 * 1024 * 1024

/**
 * The records of an export, some at a time, whether it comes from the API or from a file. Throws a SyntaxError that names the
 * line for what is no record.
 */
export async function* readRecords(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<readonly AuditRecord[]> {
  const decoder = new TextDecoder()
  // Pieces of the line that has not ended yet: joined once, at its end.
  let rest: string[] = []
  let length = 0
  let line = 0
  const records = (lines: readonly string[]) =>
    lines.flatMap((text) => {
      line += 1
      return text === '' ? [] : [toRecord(text, line)]
    })
  for await (const piece of bytes) {
    const [first = '', ...others] = decoder.decode(piece, { stream: true }).split('\n')
    rest.push(first)
    length += first.length
    if (length > longestLine) throw new SyntaxError(`line ${line + 1} does not end`)
    const last = others.pop()
    if (last === undefined) continue
    yield records([rest.join(''), ...others])
    rest = [last]
    length = last.length
  }
  yield records([rest.join('') + decoder.decode()])
}
