import type { Target } from '../mapper.ts'
import { moverRole } from '../mappers/database/mover-needs.ts'
import { insideOf, ownDatabaseOf } from '../mappers/database/own-database.ts'
import { onServer } from '../mappers/database/own-server.ts'
import type { MoveEnd } from './end.ts'

/**
 * The end that a database is.
 * @param passwordOf gives the password of a mover by its role
 */
export function endOf(target: Target<'database'>, passwordOf: (role: string) => string): MoveEnd {
  const name = ownDatabaseOf(target)
  const { cell } = name === undefined ? onServer(target) : insideOf(target, name)
  const url = new URL(cell.provisionerUrl)
  const role = moverRole(decodeURIComponent(url.username))
  const mover = Object.assign(new URL(url), { username: role, password: passwordOf(role) })
  const { schema, ownerRole, appRole } = target.spec.properties
  return {
    number: target.spec.placement,
    names: { schema, ownerRole, appRole },
    moverUrl: mover.href,
    provisionerUrl: url.href,
    ...(name === undefined ? {} : { isOwn: true as const }),
  }
}
