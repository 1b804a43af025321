import { ApiError } from '../api-error.ts'
import type { Answers, Operation, Tenant } from '../api-types.ts'
import { CliError, exitCodes } from '../failures.ts'
import type { Io } from '../io.ts'
import { awaitOperation, sayHowToFollow } from '../outcome.ts'
import { listTable, print, time } from '../output.ts'
import { path } from '../paths.ts'
import type { Session } from '../session.ts'

/** `operations`: of one tenant or of all. */
export async function listOperations(
  { client, io, format }: Session,
  tenant: string | undefined,
  { limit = 50, state }: { state?: string; limit?: number },
): Promise<void> {
  const { items, more } = await client.list<Answers['GET /v1/operations']['200']>(
    path('operations'),
    { tenant, state },
    limit,
  )
  print(io.stdout, format, items, () => (items.length === 0 ? 'no operations' : rows(io, items)))
  if (more) io.stderr.write('there are more: raise --limit\n')
}

/** `watch`: follows an operation, or the newest of a tenant. Throws CliError with exit code 1 when it does not succeed. */
export async function watch(session: Session, name: string): Promise<void> {
  const { io, format } = session
  const forPeople = format === 'table'
  let last: Operation | undefined
  try {
    await awaitOperation(session, await operationId(session, name), {
      shown: forPeople ? 'stdout' : 'stderr',
      seen: (operation) => {
        last = operation
      },
    })
  } finally {
    if (!forPeople && last !== undefined) print(io.stdout, format, last, () => '')
  }
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

type Accepted = Answers['POST /v1/tenants/{idOrSlug}/retry']['202']
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
  let { operation } = await session.client.change<Accepted>(method, to, body)
  const seen = (state: Operation) => {
    operation = state
  }
  try {
    if (wait) await awaitOperation(session, operation.id, { wanted, seen })
  } finally {
    print(session.io.stdout, session.format, operation, () => rows(session.io, [operation]))
  }
  if (!wait) sayHowToFollow(session, [operation])
}

function rows({ stdout }: Io, operations: readonly Operation[]): string {
  return listTable(
    stdout,
    ['operation', 'tenant', 'kind', 'state', 'created (utc)', 'finished (utc)', 'phase', 'attempt'],
    operations.map((one) => [
      one.id,
      one.tenant.slug,
      one.kind,
      one.state,
      time(one.createdAt),
      time(one.finishedAt),
      one.phase,
      one.attempt,
    ]),
  )
}
