/** Where a server answers, and how its clients are to ask for TLS, if the URL says so. */
export type ServerAddress = { readonly host: string; readonly port: number; readonly sslmode?: string }

const schemes = ['postgres:', 'postgresql:']
const defaultPort = 5432
const sslmodes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify']

/**
 * Host, port and `sslmode` of a PostgreSQL connection URL that names a user and one host; undefined for any other text. The rest
 * of it (database, other parameters) is for whoever connects.
 */
export function serverAddress(text: string): ServerAddress | undefined {
  const url = URL.parse(text)
  if (url === null || !schemes.includes(url.protocol) || url.username === '') return undefined
  if (!/^[A-Za-z0-9.:[\]-]+$/.test(url.hostname)) return undefined
  // A parameter would win over what is told of the URL.
  if (['host', 'hostaddr', 'port'].some((name) => url.searchParams.has(name))) return undefined
  const sslmode = url.searchParams.get('sslmode')
  if (sslmode !== null && !sslmodes.includes(sslmode)) return undefined
  const address = { host: url.hostname.replaceAll(/[[\]]/g, ''), port: Number(url.port || defaultPort) }
  return sslmode === null ? address : { ...address, sslmode }
}
