import type { Authorizations } from './authorizations.ts'
import { errors } from './errors.ts'
import type { Namespace } from './namespace.ts'
import { covers, pathOf, verifyToken } from './sas.ts'

/** A request on a request-response link, as much of it as is used. */
export type Request = { body: unknown; properties: Record<string, unknown> }

/**
 * Carries out a `put-token` of claims-based security: verifies the token and adds what it gives to the connection's
 * authorizations. Throws `unauthorized` for a token that is not a valid shared access signature for the named audience.
 */
export function putToken({ body, properties }: Request, namespace: Namespace, authorizations: Authorizations): void {
  const { operation, type, name } = properties
  if (operation !== 'put-token') throw errors.notImplemented(`$cbs knows put-token only, not '${String(operation)}'.`)
  if (type !== 'servicebus.windows.net:sastoken' || typeof body !== 'string')
    throw errors.unauthorized('InvalidType: the local broker takes shared access signatures only.')
  const grant = verifyToken(body, (path) => namespace.rulesFor(path), namespace.around.now())
  if (!covers(grant.path, pathOf(String(name))))
    throw errors.unauthorized(`InvalidAudience: the token is for '${grant.path}', not for '${String(name)}'.`)
  authorizations.put(grant)
}
