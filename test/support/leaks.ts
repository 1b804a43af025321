/**
 * Names of the secrets that a text holds, in whatever way it writes them: as they are, in hex, in base64 at any offset, as
 * a part of a URL; and a secret that is itself base64 also as the bytes it stands for.
 * @param secrets value by name
 */
export function leaks(text: string, secrets: Readonly<Record<string, string>>): string[] {
  return Object.entries(secrets).flatMap(([name, secret]) =>
    formsOf(secret).some((form) => text.includes(form)) ? [name] : [],
  )
}

function formsOf(secret: string): string[] {
  const bytes = [Buffer.from(secret), Buffer.from(secret, 'base64')].filter(({ length }) => length >= 12)
  return [
    secret,
    encodeURIComponent(secret),
    ...bytes.flatMap((one) => [one.toString('hex'), ...[0, 1, 2].flatMap((offset) => base64Cores(one, offset))]),
  ]
}

/** What base64 and base64url make of the bytes at this offset into a longer text, without the characters at the edges. */
function base64Cores(bytes: Buffer, offset: number): string[] {
  const length = offset + bytes.length
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64url')
  const core = text.slice(offset === 0 ? 0 : offset + 1, text.length - (length % 3 === 0 ? 0 : 1))
  return [core, core.replaceAll('-', '+').replaceAll('_', '/')]
}

/** Texts that look like a key or password that Freehold makes (43 characters of base64url), and URLs with a password. */
export function suspects(text: string): string[] {
  const tokens = text.match(/(?<![\w-])(?:fh_)?[\w-]{43}(?![\w-])/g) ?? []
  const isRandom = (token: string) => [/[a-z]/, /[A-Z]/, /\d/].every((kind) => kind.test(token))
  return [...tokens.filter(isRandom), ...(text.match(/\w+:\/\/[^\s/@"]+:[^\s/@"]+@[^\s"]*/g) ?? [])]
}
