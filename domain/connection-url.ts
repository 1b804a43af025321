/** Where a server answers. */
export type ServerAddress = { readonly host: string; readonly port: number }

const schemes = ['postgres:', 'postgresql:']
const defaultPort = 5432

/**
 * Host and port of a PostgreSQL connection URL that names a user and one host; undefined for any other text. The rest of it
 * (database, `sslmode` and other parameters) is for whoever connects.
 */
export function serverAddress(text: string): ServerAddress | undefined {
  const url = URL.parse(text)
  if (url === null || !schemes.includes(url.protocol) || url.username === '') return undefined
  if (!/^[A-Za-z0-9.:[\]-]+$/.test(url.hostname)) return undefined
  // A parameter would win over what is told of the URL.
  if (['host', 'hostaddr', 'port'].some((name) => url.searchParams.has(name))) return undefined
  return { host: url.hostname.replaceAll(/[[\]]/g, ''), port: Number(url.port || defaultPort) }
}
