import type { Credentials, DatabaseCredentials, TenantContext } from '../types.ts'
import { NoNewerContext } from './context-watch.ts'

/** Where a transaction is to run: whose it is and which side, as one text each, how to log in there, and with which epoch. */
export type Place = {
  readonly group: string
  readonly side: string
  readonly url: string
  readonly schema: string
  readonly epoch: number
}

/** Least time between two readings of the credential of one side: each goes into the audit trail. */
const leastMs = 1_000

/**
 * Logins by context. The credential of a side is read once and kept in memory alone; a placement has a role, and so a side,
 * of its own.
 * @param read asks the API for the credentials of the environment
 */
export function createLogins(read: () => Promise<Credentials>) {
  let kept: { side: string; at: number; credential: Promise<DatabaseCredentials>; isDoubted: boolean } | undefined

  return {
    /** Throws NoNewerContext when the API gives the credential of another side than the context names. */
    async of({ tenantId, environment, epoch, topology }: TenantContext): Promise<Place> {
      const { role, host, port, database, schema } = topology.database
      const side = `${role}@${host}:${port}/${database}`
      const isSpent = kept?.isDoubted === true && performance.now() - kept.at > leastMs
      if (kept?.side !== side || isSpent) {
        const credential = read().then((all) => all.database)
        const mine = { side, at: performance.now(), credential, isDoubted: false }
        kept = mine
        credential.catch(() => {
          if (kept === mine) kept = undefined
        })
      }
      const credential = await kept.credential
      const given = `${credential.user}@${credential.host}:${credential.port}/${credential.database}`
      if (given === side) return { group: `${tenantId}/${environment}`, side, url: credential.url, schema, epoch }
      kept = undefined
      throw new NoNewerContext(`the context names ${side}, and the credentials are for ${given}`)
    },
    /** The login of this side was refused: its credential is read again, but not at every refusal. */
    doubt(side: string): void {
      if (kept?.side === side) kept.isDoubted = true
    },
  }
}
