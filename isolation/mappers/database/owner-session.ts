import pg from 'pg'
import { fewIterations, scramVerifier } from '../../../crypto/scram.ts'
import { newPassword } from '../../../crypto/tokens.ts'
import { FreeholdError } from '../../../domain/errors.ts'
import { untilAborted } from '../../abort.ts'
import type { Target } from '../../mapper.ts'
import { endingBlockers } from './blockers.ts'
import type { Connections } from './connections.ts'
import { findStatement, readFound, refuseForeign, type Found } from './found.ts'
import { absent, claimedSide, claimToWork, readPlacement } from './placement.ts'
import { endingStatements } from './sessions.ts'
import { closeOwnerStatements, leaveStatements, openOwnerStatements } from './statements.ts'

/** Long enough to log in; a session outlives it. By the clock of the server, which compares it. */
const loginEnds = `select (now() + interval '2 minutes')::text as until`
/** How long one who was aborted waits for the door to be closed; it is closed all the same. */
const closingMs = 400
const refusedLogin = ['28000', '28P01']
const tooManyConnections = '53300'

/**
 * Runs SQL of a tenant over a connection that is logged in as the tenant's owner role, so that no `reset role` leads to
 * anybody else. The role can log in for this one session alone: with a random password, for two minutes, one connection at a
 * time; afterwards, however it went, it cannot, and its sessions have ended.
 */
export async function asOwner<T>(
  connections: Connections,
  target: Target<'database'>,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const password = newPassword()
  await openDoor(connections, target, password)
  const loggingIn = logIn(connections, target, password)
  let isIdle = false
  try {
    const client = await untilAborted(target.signal, loggingIn)
    const { processID: pid } = client as { processID?: number }
    const result = await untilAborted(
      target.signal,
      endingBlockers(connections, target, () => pid, work(client)),
    )
    isIdle = true
    return result
  } finally {
    // One that is idle is closed first and ended then: until then the one session the role may have is ours.
    await closeDoor(connections, target, isIdle)
    // One that comes up late finds nobody who waits for it.
    const ending = loggingIn.then((late) => late.end()).catch(() => {})
    if (isIdle) await ending
  }
}

/** Opens the role, and ends what an earlier run that was cut off may have left. */
async function openDoor(connections: Connections, target: Target<'database'>, password: string): Promise<void> {
  const names = target.spec.properties
  const verifier = await scramVerifier(password, { iterations: fewIterations })
  const first = [readPlacement(target), claimToWork(target), findStatement(names), loginEnds]
  await connections.transaction(target, first, ([placement, claim, catalogue, clock]) => {
    claimedSide(claim, placement, target)
    const found = readFound(catalogue, target)
    refuseForeign(found, target.tenantId)
    if (found.schema === undefined || found.ownerRole === undefined || found.appRole === undefined) throw absent(target)
    const [{ until } = { until: '' }] = (clock?.rows ?? []) as { until: string }[]
    const opening = openOwnerStatements(found, names, verifier, until)
    // A session that changes the role's password in a transaction would hold up the opening for as long as it lives.
    const ending = found.ownerRole.canLogin ? endingStatements(names.ownerRole) : []
    return { last: [...ending, ...opening], result: undefined }
  })
}

/** Under the claim, so that it is no later run whose session ends. */
function endEarlier(connections: Connections, target: Target<'database'>): Promise<void> {
  return connections.transaction(target, [readPlacement(target), claimToWork(target)], ([placement, claim]) => {
    claimedSide(claim, placement, target)
    return { last: endingStatements(target.spec.properties.ownerRole), result: undefined }
  })
}

async function logIn(connections: Connections, target: Target<'database'>, password: string): Promise<pg.Client> {
  const { ownerRole, schema } = target.spec.properties
  // What a connection starts with wins over what an earlier script may have made the role's own settings.
  const settings = { search_path: schema, role: 'none', default_transaction_read_only: 'off' }
  const login = {
    user: ownerRole,
    password,
    options: Object.entries(settings)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
    statement_timeout: target.timeoutMs,
    query_timeout: target.timeoutMs,
  }
  const connect = () => connections.connectAs(target.cell, login)
  return connect().catch(async (error: unknown) => {
    const code = error instanceof pg.DatabaseError ? error.code : undefined
    if (code !== undefined && refusedLogin.includes(code))
      throw new FreeholdError(
        'substrate_unavailable',
        `${ownerRole} could not log in to migrate: a later run has closed its login, or the server lets roles of tenants in from elsewhere only`,
      )
    if (code !== tooManyConnections) throw error
    // The session of the run before is ending just now.
    await endEarlier(connections, target)
    return connect()
  })
}

/**
 * Closes the role under the claim, so that no later run is in. A session that may still be at work is ended first, because it
 * may hold the role's row for as long as it lives; and nobody can come in after it with a password that it has set, because
 * the role has left those who may enter until it is closed.
 */
async function closeDoor(connections: Connections, target: Target<'database'>, isIdle: boolean): Promise<void> {
  const { spec, cell, signal } = target
  const first = [readPlacement(target), claimToWork(target), findStatement(spec.properties)]
  // Not with the signal of the caller, who may have been aborted.
  const caller = { cell, signal: new AbortController().signal }
  const change = (statements: (found: Found) => string[]) =>
    connections.transaction(caller, first, ([placement, claim, catalogue]) => {
      claimedSide(claim, placement, target)
      return { last: statements(readFound(catalogue, target)), result: undefined }
    })
  const close = async () => {
    const { ownerRole } = spec.properties
    if (!isIdle) await change((found) => leaveStatements(found, [ownerRole]))
    const ending = isIdle ? [] : endingStatements(ownerRole)
    await change((found) => [...ending, ...closeOwnerStatements(found, spec.properties)])
  }
  if (!signal.aborted) return close()
  await untilAborted(AbortSignal.timeout(closingMs), close()).catch(() => {})
}
