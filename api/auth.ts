import { createMiddleware } from 'hono/factory'
import { FreeholdError } from '../domain/errors.ts'
import { findApiKey } from '../registry/api-keys.ts'
import type { Orm } from '../registry/orm.ts'
import { sqlOf } from '../registry/pool.ts'
import type { ApiEnv } from './deps.ts'

const bearer = /^Bearer +(fh_[A-Za-z0-9_-]{20,100})$/i

/**
 * Lets through who holds a living API key, and puts the key's row into the context. An auditor may only read.
 * Throws `unauthenticated` and `forbidden`.
 */
export function requireApiKey(orm: Orm) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const value = bearer.exec(c.req.header('authorization') ?? '')?.[1]
    const apiKey = value === undefined ? undefined : await findApiKey(sqlOf(orm.pool), value)
    if (apiKey === undefined)
      throw new FreeholdError('unauthenticated', 'send a valid API key: Authorization: Bearer fh_…')
    c.set('apiKey', apiKey)
    const reads = c.req.method === 'GET' || c.req.method === 'HEAD'
    if (apiKey.role === 'platform-auditor' && !reads)
      throw new FreeholdError('forbidden', `role ${apiKey.role} may only read`)
    await next()
  })
}
