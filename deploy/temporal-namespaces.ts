import { Connection, isGrpcServiceError } from '@temporalio/client'
import { msToTs } from '@temporalio/common/lib/time.js'
import pRetry from 'p-retry'
import type { TemporalConnectionOptions } from '../base/temporal-connection.ts'
import { errorText, FreeholdError } from '../domain/errors.ts'

const visibleTimeoutMs = 60_000
const dayMs = 86_400_000

/** Numbers of the service's `IndexedValueType`. */
const attributeTypes = { Text: 1, Keyword: 2, Int: 3, Double: 4, Bool: 5, Datetime: 6, KeywordList: 7 } as const
type SearchAttributeTypeName = keyof typeof attributeTypes

/**
 * Makes the namespaces that are absent, with their retention in days, and resolves when workflows can be started in
 * each (servers see a new one after some seconds). Existing ones stay as they are. Throws
 * `substrate_unavailable` when the server does not answer or refuses.
 */
export async function ensureNamespaces(
  server: TemporalConnectionOptions,
  namespaces: readonly { name: string; retentionDays: number }[],
): Promise<void> {
  await withConnection(server, async ({ workflowService }) => {
    for (const { name, retentionDays } of namespaces) {
      try {
        await workflowService.describeNamespace({ namespace: name })
      } catch (error) {
        if (!hasStatus(error, grpc.notFound)) throw error
        await registerNamespace(name, retentionDays, workflowService)
      }
    }
    for (const { name: namespace } of namespaces) {
      await untilTrue(`Namespace ${namespace}`, async () => {
        await workflowService.listWorkflowExecutions({ namespace, pageSize: 1 })
        return true
      })
    }
  })
}

/**
 * Makes the search attributes that the namespace lacks, and resolves when they can be searched. The server silently
 * ignores a second type for a name, so an existing one of another type throws `configuration_invalid`.
 */
export async function ensureSearchAttributes(
  server: TemporalConnectionOptions,
  namespace: string,
  attributes: Readonly<Record<string, SearchAttributeTypeName>>,
): Promise<void> {
  await withConnection(server, async ({ operatorService, workflowService }) => {
    const wanted = Object.entries(attributes)
    const existing = async (): Promise<Record<string, number>> =>
      (await operatorService.listSearchAttributes({ namespace })).customAttributes
    const before = await existing()
    requireTypes(namespace, wanted, before)
    const missing = wanted.filter(([name]) => before[name] === undefined)
    if (missing.length > 0) {
      const searchAttributes = Object.fromEntries(missing.map(([name, type]) => [name, attributeTypes[type]]))
      await operatorService.addSearchAttributes({ namespace, searchAttributes })
    }
    const query = wanted.map(([name]) => `${name} IS NOT NULL`).join(' AND ')
    await untilTrue(`Search attributes of namespace ${namespace}`, async () => {
      const now = await existing()
      requireTypes(namespace, wanted, now)
      await workflowService.listWorkflowExecutions({ namespace, pageSize: 1, query })
      return wanted.every(([name]) => now[name] !== undefined)
    })
  })
}

const grpc = { invalidArgument: 3, notFound: 5, alreadyExists: 6 }

async function registerNamespace(
  namespace: string,
  retentionDays: number,
  service: Connection['workflowService'],
): Promise<void> {
  try {
    await service.registerNamespace({ namespace, workflowExecutionRetentionPeriod: msToTs(retentionDays * dayMs) })
  } catch (error) {
    // Another start made it in between.
    if (!hasStatus(error, grpc.alreadyExists)) throw error
  }
}

function requireTypes(
  namespace: string,
  wanted: readonly [string, SearchAttributeTypeName][],
  existing: Readonly<Record<string, number>>,
): void {
  for (const [name, type] of wanted) {
    const found = Object.entries(attributeTypes).find(([, number]) => number === existing[name])?.[0]
    if (found === undefined || found === type) continue
    throw new FreeholdError(
      'configuration_invalid',
      `Search attribute ${name} of the Temporal namespace ${namespace} has the type ${found} and must be ${type}; remove it there (temporal operator search-attribute remove), or use another namespace.`,
    )
  }
}

/** Tries every 100 ms; a namespace or attribute that the server does not know yet is a reason to try again. */
async function untilTrue(what: string, check: () => Promise<boolean>): Promise<void> {
  const notYet = new Error('it is not listed')
  const mayPass = (error: Error) =>
    error === notYet || hasStatus(error, grpc.notFound) || hasStatus(error, grpc.invalidArgument)
  const attempt = async () => {
    if (!(await check())) throw notYet
  }
  const times = { retries: Infinity, minTimeout: 100, factor: 1, maxRetryTime: visibleTimeoutMs }
  await pRetry(attempt, { ...times, shouldRetry: ({ error }) => mayPass(error) }).catch((error: Error) => {
    if (!mayPass(error)) throw error
    throw new FreeholdError(
      'substrate_unavailable',
      `${what} cannot be used ${visibleTimeoutMs / 1000} s after it was made (${errorText(error)}).`,
    )
  })
}

function hasStatus(error: unknown, status: number): boolean {
  return isGrpcServiceError(error) && Number(error.code) === status
}

async function withConnection(
  server: TemporalConnectionOptions,
  work: (connection: Connection) => Promise<void>,
): Promise<void> {
  let connection: Connection | undefined
  try {
    connection = await Connection.connect({ ...server, connectTimeout: 5_000 })
    await work(connection)
  } catch (error) {
    if (error instanceof FreeholdError) throw error
    const what = connection === undefined ? 'does not answer' : 'refused to prepare its namespaces'
    throw new FreeholdError(
      'substrate_unavailable',
      `The Temporal server at ${server.address} ${what}: ${errorText(error).replace(/\.$/, '')}.`,
      {
        cause: error,
      },
    )
  } finally {
    await connection?.close()
  }
}
