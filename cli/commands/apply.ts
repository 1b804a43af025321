import type { Applied } from '../api-types.ts'
import { path } from '../client.ts'
import { CliError, exitCodes, reportError } from '../failures.ts'
import { readManifests, type ManifestDocument } from '../manifest-files.ts'
import { awaitOperation } from '../outcome.ts'
import { print, table } from '../output.ts'
import type { Session } from '../session.ts'

/**
 * Applies every manifest of the files. One that is refused is reported and the others still applied, but nothing more
 * is sent once the API is out of reach. With `wait`, all are accepted first and then followed in turn. Gives the exit
 * code: that of the first error.
 */
export async function apply(session: Session, options: { file: string[]; wait?: true }): Promise<number> {
  const documents = options.file.flatMap((target) => readManifests(target, session.io.cwd))
  const codes: number[] = []
  const report = (error: unknown, source?: string) => codes.push(reportError(error, session.io.stderr, source))
  const results: (Applied & { file: string; line: number })[] = []
  for (const document of documents) {
    try {
      const { file, line } = document
      results.push({ file, line, ...(await send(session, document)) })
    } catch (error) {
      report(error, document.file)
      if (!(error instanceof CliError) || error.exitCode !== exitCodes.refused) break
    }
  }
  for (const result of options.wait ? results : []) {
    try {
      if (result.operation !== null) result.operation = await awaitOperation(session, result.operation.id)
    } catch (error) {
      report(error)
    }
  }
  if (results.length > 0 || session.format !== 'table')
    print(session.io.stdout, session.format, results, () => rows(results))
  return codes[0] ?? exitCodes.ok
}

function send({ client }: Session, { slug, type, text }: ManifestDocument): Promise<Applied> {
  const body = { type, text }
  return slug === undefined
    ? client.change<Applied>('POST', path('tenants'), body)
    : client.change<Applied>('PUT', path('tenants', slug), body)
}

function rows(results: readonly Applied[]): string {
  const cells = results.map(({ tenant, operation }) =>
    operation === null
      ? [tenant.slug, 'unchanged', '', '']
      : [tenant.slug, operation.kind, operation.state, operation.id],
  )
  return table(['tenant', 'change', 'state', 'operation'], cells)
}
