import type { Accepted, Operation, Tenant } from '../api-types.ts'
import { ApiError, path } from '../client.ts'
import { CliError, exitCodes } from '../failures.ts'
import { awaitOperation } from '../outcome.ts'
import { print, table, time } from '../output.ts'
import type { Session } from '../session.ts'

/** `operations`: of one tenant or of all. */
export async function listOperations(
  { client, io, format }: Session,
  tenant: string | undefined,
  { limit = 50, state }: { state?: string; limit?: number },
): Promise<void> {
  const { items, more } = await client.list<Operation>(path('operations'), { tenant, state }, limit)
  print(io.stdout, format, items, () => (items.length === 0 ? 'no operations' : rows(items)))
  if (more) io.stderr.write('there are more: raise --limit\n')
}

/** `watch`: follows an operation, or the newest of a tenant. Throws CliError with exit code 1 when it does not succeed. */
export async function watch(session: Session, name: string): Promise<void> {
  const forPeople = session.format === 'table'
  const operation = await awaitOperation(session, await operationId(session, name), {
    shown: forPeople ? 'stdout' : 'stderr',
  })
  if (!forPeople) print(session.io.stdout, session.format, operation, () => '')
}

async function operationId({ client }: Session, name: string): Promise<string> {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(name)) {
    try {
      return (await client.get<Operation>(path('operations', name))).id
    } catch (error) {
      // Tenants have ids of the same form, so only a refusal of both is the answer.
      if (!(error instanceof ApiError) || error.status !== 404) throw error
    }
  }
  const tenant = await client.get<Tenant>(path('tenants', name))
  if (tenant.operation === null) throw new CliError(exitCodes.refused, `${tenant.slug} has no operation to watch`)
  return tenant.operation.id
}

type Options = { wait?: true; reason?: string }

/** `retry`: rolls the newest operation forward again. */
export function retry(session: Session, tenant: string, options: Options): Promise<void> {
  return command(session, 'POST', path('tenants', tenant, 'retry'), options)
}

/** `abort`: has the open operation undo what it made; with `wait`, `aborted` is the good end. */
export function abort(session: Session, tenant: string, options: Options): Promise<void> {
  return command(session, 'POST', path('tenants', tenant, 'abort'), options, 'aborted')
}

/** `delete`: removes what is left of a failed tenant and frees its slug. */
export function deleteTenant(session: Session, tenant: string, options: Options): Promise<void> {
  return command(session, 'DELETE', path('tenants', tenant), options)
}

async function command(
  session: Session,
  method: 'POST' | 'DELETE',
  to: string,
  { wait, reason }: Options,
  wanted: 'succeeded' | 'aborted' = 'succeeded',
): Promise<void> {
  const body = { type: 'application/json', text: JSON.stringify(reason === undefined ? {} : { reason }) }
  const accepted = await session.client.change<Accepted>(method, to, body)
  const operation = wait ? await awaitOperation(session, accepted.operation.id, { wanted }) : accepted.operation
  print(session.io.stdout, session.format, operation, () => rows([operation]))
}

function rows(operations: readonly Operation[]): string {
  return table(
    ['operation', 'tenant', 'kind', 'state', 'phase', 'attempt', 'created (utc)', 'finished (utc)'],
    operations.map((one) => [
      one.id,
      one.tenant.slug,
      one.kind,
      one.state,
      one.phase,
      one.attempt,
      time(one.createdAt),
      time(one.finishedAt),
    ]),
  )
}
