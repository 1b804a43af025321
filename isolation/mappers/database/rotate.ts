import type { QueryResult } from 'pg'
import { scramVerifier } from '../../../crypto/scram.ts'
import { newPassword } from '../../../crypto/tokens.ts'
import type { Target } from '../../mapper.ts'
import { renewSecret } from '../../rotation.ts'
import { closeRoles } from './close.ts'
import { together, type Connections } from './connections.ts'
import { findStatement, readFound, refuseForeign } from './found.ts'
import { absent, claimedSide, claimToWork, readPlacement } from './placement.ts'
import { endSessions } from './sessions.ts'
import { passwordStatements } from './statements.ts'

/**
 * Renews the password so that whoever has the old one is out: close, end the sessions, then set the new password and open
 * together. PostgreSQL lets every role change its own password, and has no right that forbids it; so the new one is set when
 * no session is left that could. A side that is closed gets its password and stays closed.
 */
export async function rotateDatabase(
  connections: Connections,
  target: Target<'database'>,
  rotation: string,
): Promise<void> {
  const names = target.spec.properties
  const first = [readPlacement(target), claimToWork(target), findStatement(names)]

  /** What is there, and whether it is to be open; refuses what is not there or not this claim's. */
  const look = ([placement, claim, catalogue]: QueryResult[]) => {
    const { state } = claimedSide(claim, placement, target)
    const found = readFound(catalogue, target)
    refuseForeign(found, target.tenantId)
    if (found.appRole === undefined) throw absent(target)
    return { found, roles: [names.appRole], isOpen: state === 'active' }
  }

  // Before anything is stored: what is not there, or not this claim's, keeps its secret.
  await closeRoles(connections, target, first, look)
  const verifier = await scramVerifier(await renewSecret(target.secrets, names.passwordSecret, rotation, newPassword))
  await connections.transaction(target, first, (results) => {
    const { found, isOpen } = look(results)
    return { last: passwordStatements(found, names, isOpen, verifier), result: undefined }
  })
  // Who had shown the old password just before, and comes in only now.
  const [opened] = await connections.use(target, (client) => together(client, 'select now()::text as time'))
  const [{ time } = { time: '' }] = (opened?.rows ?? []) as { time: string }[]
  await endSessions(connections, target, names.appRole, time)
}
