import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { deleteEntity, listEntities, readEntity, writeEntity } from './admin-entities.ts'
import type { Listening } from './amqp-server.ts'
import { buildEntry, buildError, buildFeed } from './atom.ts'
import type { Certificate } from './certificate.ts'
import type { Log } from './client-connection.ts'
import { parseEntityPath } from './entity-path.ts'
import { BrokerError, errors } from './errors.ts'
import type { Namespace } from './namespace.ts'
import { covers, verifyToken } from './sas.ts'

type Answer = { status: number; body: string }

/** The largest request body (bytes), and how many entities a page has if the client names no number. */
const maxBody = 1024 * 1024
const defaultPage = 100

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    if (size > maxBody) throw errors.badRequest(`The body is larger than ${maxBody} bytes.`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** Throws `unauthorized` unless the request is signed by a key with Manage on its path. */
function authorize(namespace: Namespace, authorization: string | undefined, path: string): void {
  const grant = verifyToken(authorization ?? '', (at) => namespace.rulesFor(at), namespace.around.now())
  if (!covers(grant.path, path.toLowerCase()) || !grant.rights.includes('Manage'))
    throw errors.unauthorized(`Manage,EntityWrite claims are required on '${path}'.`)
}

function namespaceEntry(namespace: Namespace, base: string): string {
  const at = new Date(0).toISOString()
  const content = {
    Name: namespace.name,
    NamespaceType: 'Messaging',
    MessagingSKU: 'Standard',
    CreatedTime: at,
    ModifiedTime: at,
  }
  return buildEntry({ url: `${base}$namespaceinfo`, root: 'NamespaceInfo', content, at: 0 })
}

async function answer(namespace: Namespace, request: IncomingMessage): Promise<Answer> {
  const base = `https://${request.headers.host ?? 'localhost'}/`
  const url = new URL(request.url ?? '/', base)
  const raw = decodeURIComponent(url.pathname).replace(/^\/+/, '')
  authorize(namespace, request.headers.authorization, raw.replace(/\/+$/, ''))
  if (raw.toLowerCase() === '$namespaceinfo') return { status: 200, body: namespaceEntry(namespace, base) }
  const { method } = request
  const listed = method === 'GET' ? listEntities(namespace, base, raw) : undefined
  if (listed) {
    const [skip, top] = ['$skip', '$top'].map((name) => Number(url.searchParams.get(name) ?? 0))
    const end = (skip ?? 0) + (top || defaultPage)
    const next = new URL(url)
    next.searchParams.set('$skip', String(end))
    const page = listed.slice(skip, end)
    return { status: 200, body: buildFeed(url.href, page, end < listed.length ? next.href : undefined) }
  }
  const path = parseEntityPath(raw)
  if (!path || path.deadLetters || path.management) throw errors.entityNotFound(raw)
  if (method === 'GET') {
    const entry = readEntity(namespace, { base, path })
    // The real service answers 200 with an empty feed for what is not there, and clients rely on it.
    return { status: 200, body: entry ? buildEntry(entry) : buildFeed(url.href, []) }
  }
  if (method === 'PUT') {
    const update = request.headers['if-match'] !== undefined
    return {
      status: update ? 200 : 201,
      body: buildEntry(writeEntity(namespace, { base, path }, await bodyOf(request), update)),
    }
  }
  if (method !== 'DELETE') throw errors.badRequest(`The method ${method ?? ''} is not supported.`)
  deleteEntity(namespace, path)
  return { status: 200, body: '' }
}

/** Serves a namespace's administration side: Atom over HTTPS, api-version 2021-05. */
export async function listenAdmin(
  namespace: Namespace,
  certificate: Certificate,
  host: string,
  port: number,
  log: Log,
): Promise<Listening> {
  const server = createServer(certificate, (request, response) => {
    const respond = ({ status, body }: Answer) =>
      response.writeHead(status, { 'content-type': 'application/atom+xml;charset=utf-8' }).end(body)
    answer(namespace, request).then(
      // A change is answered once it is on disk.
      (given) => namespace.around.storage.whenDurable(() => respond(given)),
      (error: unknown) => {
        if (!(error instanceof BrokerError)) log(`Administration of namespace ${namespace.name}: ${String(error)}`)
        const [status, detail] = error instanceof BrokerError ? [error.status, error.message] : [500, 'Internal error.']
        request.resume()
        respond({ status, body: buildError(status, detail) })
      },
    )
  })
  server.listen(port, host)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
