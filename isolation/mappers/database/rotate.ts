import { scramVerifier } from '../../../crypto/scram.ts'
import { newPassword } from '../../../crypto/tokens.ts'
import type { Target } from '../../mapper.ts'
import { renewSecret } from '../../rotation.ts'
import type { Connections } from './connections.ts'
import { findStatement, readFound, refuseForeign } from './found.ts'
import { absent, claimedSide, claimToWork, readPlacement } from './placement.ts'
import { endSessions } from './sessions.ts'
import { loginStatement, passwordStatement } from './statements.ts'

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

  /** Runs one statement on the app role, under the claim. */
  const change = (statement: (isOpen: boolean) => string) =>
    connections.transaction(target, first, ([placement, claim, catalogue]) => {
      const { state } = claimedSide(claim, placement, target)
      const found = readFound(catalogue, target)
      refuseForeign(found, target.tenantId)
      if (found.appRole === undefined) throw absent(target)
      return { last: [statement(state === 'active')], result: undefined }
    })

  // Before anything is stored: what is not there, or not this claim's, keeps its secret.
  await change(() => loginStatement(names.appRole, false))
  const verifier = await scramVerifier(await renewSecret(target.secrets, names.passwordSecret, rotation, newPassword))
  await endSessions(connections, target, names.appRole)
  await change((isOpen) => passwordStatement(names, isOpen, verifier))
}
