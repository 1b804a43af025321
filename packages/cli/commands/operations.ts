import { ApiError, type Operation, type OperationState, type PlainTransition } from '@freehold/sdk'
import { CliError, exitCodes, nextLines } from '../failures.ts'
import type { Io } from '../io.ts'
import { awaitOperation, sayHowToFollow } from '../outcome.ts'
import { listTable, print, time } from '../output.ts'
import type { Session } from '../session.ts'

/** `operations`: of one tenant or of all. */
export async function listOperations(
  { client, io, format }: Session,
  tenant: string | undefined,
  { limit = 50, ...filters }: { state?: OperationState; limit?: number },
): Promise<void> {
  const { items, more } = await client.listOperations({
    ...filters,
    ...(tenant === undefined ? {} : { tenant }),
    limit,
  })
  const none = filters.state === undefined ? 'no operations' : 'no operation matches'
  print(io.stdout, format, items, () => (items.length === 0 ? none : rows(io, items)))
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
  const isId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(name)
  if (isId) {
    try {
      return (await client.getOperation(name)).id
    } catch (error) {
      // Tenants have ids of the same form, so only a refusal of both is the answer.
      if (!(error instanceof ApiError) || error.status !== 404) throw error
    }
  }
  const tenant = await client.getTenant(name).catch((error: unknown) => {
    if (!isId || !(error instanceof ApiError) || error.code !== 'tenant_not_found') throw error
    throw new CliError(exitCodes.refused, `there is neither an operation nor a tenant ${name}`, {
      code: 'operation_not_found',
      next: 'see which there are: freehold operations, freehold list',
    })
  })
  if (tenant.operation === null) throw new CliError(exitCodes.refused, `${tenant.slug} has no operation to watch`)
  return tenant.operation.id
}

type Options = { wait?: true; reason?: string; confirm?: string; cell?: string }

/**
 * A command of the list of plain transitions; with `wait`, `aborted` is the good end of `abort`. What cannot be undone wants the
 * slug of the tenant once more: as an option, or from the person at the terminal.
 */
export async function transition(
  session: Session,
  { command, confirm: isToBeConfirmed }: { command: PlainTransition; confirm: boolean },
  tenant: string,
  { wait, reason, confirm, cell }: Options,
): Promise<void> {
  const confirmed = isToBeConfirmed ? (confirm ?? (await askForSlug(session.io, command, tenant))) : undefined
  const accepted = await session.client.transition(tenant, command, { reason, confirm: confirmed, cell })
  await showAccepted(session, accepted, wait === true, command === 'abort' ? 'aborted' : 'succeeded')
  if (command === 'purge' && wait && session.format === 'table')
    session.io.stderr.write(nextLines([`freehold certificate ${accepted.tenant.id}  # what was removed, signed`]))
}

async function askForSlug({ ask }: Io, command: PlainTransition, tenant: string): Promise<string> {
  if (ask === undefined)
    throw new CliError(exitCodes.usage, `${command} cannot be undone, and nobody is there to be asked`, {
      code: 'confirmation_mismatch',
      next: `say its slug once more: freehold ${command} ${tenant} --confirm SLUG`,
    })
  return (await ask(`${command} of ${tenant} cannot be undone. Type the slug of the tenant to go on: `)).trim()
}

async function showAccepted(
  session: Session,
  accepted: Operation,
  wait: boolean,
  wanted: 'succeeded' | 'aborted' = 'succeeded',
): Promise<void> {
  let operation = accepted
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
