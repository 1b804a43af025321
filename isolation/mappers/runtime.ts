import { Client, Connection } from '@temporalio/client'
import { z } from 'zod'
import { FreeholdError } from '../../domain/errors.ts'
import type { Mapper, Target } from '../mapper.ts'

/** `host:port` of the Temporal server that runs the tenants' work. */
export type RuntimeOptions = { readonly address: string }

const propertiesSchema = z.object({
  namespace: z.string(),
  taskQueue: z.string(),
  fairnessKey: z.string(),
  fairnessWeight: z.number(),
  concurrentTasks: z.number(),
})

/**
 * Mapper of kind `runtime` on a shared task queue. There is nothing to make there: a share is the fairness key and weight
 * that tasks are started with, and workers ask for the tenant's state before they run one, which is how it is frozen. What
 * exists in the world is the tenant's work itself, found by its search attribute; removing ends it.
 */
export function createRuntimeMapper({ address }: RuntimeOptions): Mapper {
  let opening: Promise<Connection> | undefined

  async function on<T>(target: Target, work: (client: Client) => Promise<T>): Promise<T> {
    const { namespace } = propertiesOf(target)
    try {
      opening ??= Connection.connect({ address, connectTimeout: 5_000 })
      const connection = await opening
      return await connection.withDeadline(Date.now() + 10_000, () => work(new Client({ connection, namespace })))
    } catch (error) {
      opening = (await opening?.catch(() => undefined)) === undefined ? undefined : opening
      throw runtimeError(error, address, namespace)
    }
  }

  return {
    kind: 'runtime',

    async observe(target) {
      const open = await on(target, (client) => client.workflow.count(openWork(target)))
      return {
        exists: true,
        owner: target.tenantId,
        frozen: false,
        facts: { ...propertiesOf(target), open: open.count },
      }
    },

    async ensure(target) {
      const facts = propertiesOf(target)
      await on(target, (client) => client.workflowService.describeNamespace({ namespace: facts.namespace }))
      return facts
    },

    async freeze() {},
    async thaw() {},

    async remove(target) {
      const ended = await on(target, async (client) => {
        let count = 0
        for await (const { workflowId, runId } of client.workflow.list({ query: openWork(target) })) {
          await client.workflow.getHandle(workflowId, runId).terminate(`tenant ${target.tenantId} is removed`)
          count += 1
        }
        return count
      })
      return ended > 0 ? 'removed' : 'absent'
    },

    async close() {
      await (await opening?.catch(() => undefined))?.close()
    },
  }
}

const propertiesOf = ({ spec }: Target) => propertiesSchema.parse(spec.properties)

/** Every task of a tenant carries its id and environment; ids hold no quote. */
function openWork({ tenantId, spec }: Target): string {
  return `TenantId = '${tenantId}' and Environment = '${spec.environment}' and ExecutionStatus = 'Running'`
}

function runtimeError(error: unknown, address: string, namespace: string): FreeholdError {
  if (error instanceof FreeholdError) return error
  const code = (error as { code?: unknown }).code
  if (code === 5)
    return new FreeholdError(
      'configuration_invalid',
      `the Temporal server at ${address} has no namespace "${namespace}"`,
    )
  const said = error instanceof Error ? error.message.split('\n', 1)[0] : 'unknown'
  return new FreeholdError('substrate_unavailable', `namespace "${namespace}" at ${address} is not available: ${said}`)
}
