/** Where a server answers, and how its clients are to ask for TLS, if the URL says so. */
export type ServerAddress = { readonly host: string; readonly port: number; readonly sslmode?: string }

const schemes = ['postgres:', 'postgresql:']
const defaultPort = 5432
const sslmodes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify']

/** What a URL may say beside server, user and database. */
const parameters = ['sslmode', 'application_name', 'connect_timeout']

/**
 * Host, port and `sslmode` of a PostgreSQL connection URL that names a user and one host; undefined for any other text, and for
 * one with a parameter other than `sslmode`, `application_name` and `connect_timeout`. The rest of it is for whoever connects.
 */
export function serverAddress(text: string): ServerAddress | undefined {
  const url = URL.parse(text)
  if (url === null || !schemes.includes(url.protocol) || url.username === '') return undefined
  if (!/^[A-Za-z0-9.:[\]-]+$/.test(url.hostname)) return undefined
  // Others would win over what is told of the URL, or have the worker open a file of its own machine.
  if ([...url.searchParams.keys()].some((name) => !parameters.includes(name))) return undefined
  const sslmode = url.searchParams.get('sslmode')
  if (sslmode !== null && !sslmodes.includes(sslmode)) return undefined
  const address = { host: url.hostname.replaceAll(/[[\]]/g, ''), port: Number(url.port || defaultPort) }
  return sslmode === null ? address : { ...address, sslmode }
}
