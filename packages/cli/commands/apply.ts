import type { Applied, Tenant } from '@freehold/sdk'
import { toCliError } from '../causes.ts'
import { eachManifest } from '../each-manifest.ts'
import { exitCodes, nextLines, reportError } from '../failures.ts'
import type { ManifestDocument } from '../manifest-files.ts'
import { awaitOperation, sayHowToFollow } from '../outcome.ts'
import { listTable, print } from '../output.ts'
import type { Session } from '../session.ts'

type Result = Omit<Applied, 'changed'> & { file: string; line: number }

/**
 * Applies every manifest of the files. One that is refused is reported and the others still applied, but nothing more
 * is sent once the API is out of reach. With `wait`, all are accepted first and then followed in turn, and what is
 * printed is how each ended. Gives the exit code: that of the first error.
 */
export async function apply(session: Session, options: { file: string[]; wait?: true }): Promise<number> {
  const { answers: results, codes } = await eachManifest(session, options.file, async (document): Promise<Result> => {
    const { file, line } = document
    return { file, line, ...(await send(session, document)) }
  })
  for (const result of options.wait ? results : []) {
    try {
      await follow(session, result)
    } catch (error) {
      codes.push(reportError(toCliError(error, session.io), session.io.stderr))
    }
  }
  if (results.length > 0 || session.format !== 'table')
    print(session.io.stdout, session.format, results, () => rows(session, results))
  if (!options.wait) sayWhatIsOpen(session, results)
  return codes[0] ?? exitCodes.ok
}

function send({ client }: Session, { slug, ...manifest }: ManifestDocument): Promise<Omit<Applied, 'changed'>> {
  return slug === undefined ? client.createTenant(manifest) : client.applyTenant(slug, manifest)
}

/**
 * Brings a result up to the end of its operation, also when that end is an error, which is thrown. What was applied
 * before and is not in force yet is waited for too.
 */
async function follow(session: Session, result: Result): Promise<void> {
  const operation = result.operation ?? unfinished(result.tenant)
  if (operation === null) return
  try {
    await awaitOperation(session, operation.id, {
      seen: (state) => {
        result.operation = state
      },
    })
  } finally {
    // As it was accepted is the second best when nobody answers any more; why is said already.
    const { tenant } = result
    result.tenant = await session.client.getTenant(tenant.id).catch(() => tenant)
  }
}

function unfinished({ operation }: Tenant): Tenant['operation'] {
  const puts = operation?.kind === 'provision' || operation?.kind === 'update'
  return puts && operation.state !== 'succeeded' ? operation : null
}

function sayWhatIsOpen(session: Session, results: readonly Result[]): void {
  sayHowToFollow(
    session,
    results.flatMap(({ operation }) => operation ?? []),
  )
  const stuck = results.filter(({ tenant, operation }) => operation === null && tenant.state === 'failed')
  if (session.format === 'table')
    session.io.stderr.write(
      nextLines(stuck.map(({ tenant }) => `freehold describe ${tenant.slug}  # it failed before`)),
    )
}

function rows({ io }: Session, results: readonly Result[]): string {
  const cells = results.map(({ tenant, operation }) =>
    operation === null
      ? [tenant.slug, 'unchanged', '', tenant.state, '']
      : [tenant.slug, operation.kind, operation.state, tenant.state, operation.id],
  )
  return listTable(io.stdout, ['tenant', 'change', 'outcome', 'tenant is', 'operation'], cells)
}
