import { createHmac, timingSafeEqual } from 'node:crypto'
import { errors } from './errors.ts'

/** What a shared access key allows; Manage always comes with the other two. */
export type Right = 'Send' | 'Listen' | 'Manage'

/** A shared access authorization rule of a namespace or a topic; either key signs. */
export type AuthorizationRule = {
  keyName: string
  primaryKey: string
  secondaryKey: string
  rights: Right[]
}

/** What a verified token gives: `rights` on everything at or below `path` (lower case) until `expiresAt` (ms). */
export type Grant = { path: string; rights: readonly Right[]; expiresAt: number }

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw errors.unauthorized('MalformedToken: it holds a broken percent encoding.')
  }
}

/** The lower-case entity path of an audience such as `sb://host:port/topic/Subscriptions/all`; '' is the namespace. */
export function pathOf(audience: string): string {
  const withoutHost = audience.replace(/^[a-z]+:\/\/[^/]*/i, '').replace(/[?#].*$/, '')
  return decode(withoutHost)
    .toLowerCase()
    .replace(/^\/+|\/+$/g, '')
}

/** Whether a grant's path covers a lower-case entity path: the same entity or one above it. */
export function covers(grantPath: string, path: string): boolean {
  return grantPath === '' || path === grantPath || path.startsWith(`${grantPath}/`)
}

/**
 * Verifies a shared access signature `SharedAccessSignature sr=…&sig=…&se=…&skn=…`. `rulesFor` gives the rules a key name
 * may be looked up in for an entity path. Throws `unauthorized` for a malformed or expired token, an unknown key name,
 * or a signature none of the rule's keys made.
 */
export function verifyToken(token: string, rulesFor: (path: string) => AuthorizationRule[], now: number): Grant {
  const fields = new Map<string, string>()
  for (const pair of token.replace(/^SharedAccessSignature\s+/, '').split('&')) {
    const at = pair.indexOf('=')
    if (at > 0) fields.set(pair.slice(0, at), pair.slice(at + 1))
  }
  const [resource, signature, expiry, encodedName] = ['sr', 'sig', 'se', 'skn'].map((name) => fields.get(name))
  if (!token.startsWith('SharedAccessSignature ') || !resource || !signature || !expiry || !encodedName)
    throw errors.unauthorized('MalformedToken: a SharedAccessSignature with sr, sig, se and skn is required.')
  const keyName = decode(encodedName)
  const expiresAt = Number(expiry) * 1000
  if (!(expiresAt > now)) throw errors.unauthorized('ExpiredToken: the token has expired.')
  const path = pathOf(decode(resource))
  const given = Buffer.from(decode(signature), 'base64')
  for (const rule of rulesFor(path)) {
    if (rule.keyName !== keyName) continue
    for (const key of [rule.primaryKey, rule.secondaryKey]) {
      const made = createHmac('sha256', key).update(`${resource}\n${expiry}`).digest()
      if (made.length === given.length && timingSafeEqual(made, given)) return { path, rights: rule.rights, expiresAt }
    }
  }
  throw errors.unauthorized(`InvalidSignature: the token for '${path}' has an invalid signature or unknown key name.`)
}
