import type { NewEvent } from '../domain/events.ts'
import { FreeholdError } from '../domain/errors.ts'
import type { JsonObject } from '../domain/json.ts'
import type { OperationInput, PlanStep, StepState } from '../domain/operation.ts'
import type { Mapper, Target } from '../isolation/mapper.ts'
import { managedBus } from '../base/bus-administration.ts'
import { accessOf, busFacts, cellFacts } from '../registry/cells.ts'
import type { OperationRow } from '../registry/entities/operation.ts'
import type { ResourceRow } from '../registry/entities/resource.ts'
import { closeDelivery, openDelivery } from '../registry/deliveries.ts'
import { appendEvents } from '../registry/events.ts'
import { forgetResource, lockResource, markPresent } from '../registry/ledger.ts'
import { findOperation, isOpen, recordStep } from '../registry/operations.ts'
import type { EntityManager } from '../registry/orm.ts'
import { tenantSecrets } from '../registry/secrets.ts'
import { readGeneration } from '../registry/tenants.ts'
import type { ActivityDeps } from './deps.ts'

type StepInput = { input: OperationInput; step: PlanStep }
type Work = { em: EntityManager; operation: OperationRow; row: ResourceRow; target: Target }
/** What became of the step, what to say about it, and what has to be the last thing of the transaction. */
type Done = { state: StepState; phase: string; events: NewEvent[]; last?: () => Promise<void> }

/**
 * Activities that work on one resource. Each holds the resource's row in the ledger for as long as it works, so a late
 * attempt and an undo never cross, and commits ledger, progress and event together.
 */
export function createResourceActivities(deps: ActivityDeps) {
  /** Makes the resource exist as its spec says. */
  const ensure = (given: StepInput) =>
    onResource(given, async ({ em, row, target }) => {
      const facts = await deps.mappers[row.kind].ensure(target)
      const isNew = await markPresent(em, row, facts)
      if (row.kind === 'topic') await openDelivery(em, row)
      const event: NewEvent = { type: 'TENANCY_RESOURCE_CREATED', actor: 'system:worker', data: describe(row) }
      return { state: 'done', phase: 'resources', events: isNew ? [event] : [] }
    })

  /** Brings the schema of a database to the version of the operation's manifest. */
  const migrate = (given: StepInput) =>
    onResource(given, async ({ em, operation, row, target }) => {
      const { resolved } = await readGeneration(em, operation.tenant, operation.generation)
      const version = resolved.spec.schema.appVersion
      if (version === null) return { state: 'done', phase: 'schema', events: [] }
      const { applied } = await deps.mappers.database.migrate(target, await deps.migrations.migrationsUpTo(version))
      // By the ledger, not by what ran just now: an attempt whose commit was lost ran it and could not tell.
      const isNews = row.facts['schemaVersion'] !== version
      await markPresent(em, row, { schemaVersion: version })
      const event: NewEvent = {
        type: 'TENANCY_SCHEMA_MIGRATED',
        actor: 'system:worker',
        data: { ...describe(row), version, applied },
      }
      return { state: 'done', phase: 'schema', events: isNews || applied.length > 0 ? [event] : [] }
    })

  /** Destroys the resource with its data; what is not the tenant's is left alone. */
  const remove = (given: StepInput) =>
    onResource(
      given,
      async ({ em, row, target }) => {
        const result = await deps.mappers[row.kind].remove(target)
        await forgetResource(em, row)
        const event: NewEvent = {
          type: 'TENANCY_RESOURCE_REMOVED',
          actor: 'system:worker',
          data: { ...describe(row), result },
        }
        // Its row is locked last, as by everyone who appends events: two removals must not wait in a circle.
        const last = async () => (row.kind === 'topic' ? closeDelivery(em, row) : undefined)
        return { state: 'undone', phase: 'removing', events: [event], last }
      },
      'absent-is-done',
    )

  /** Renews the resource's credential. A second run of the same operation finds its own and sets it again. */
  const rotate = (given: StepInput) =>
    onResource(given, async ({ em, operation, row, target }) => {
      const isFirst = row.facts['rotatedBy'] !== operation.id
      const mapper: Mapper = deps.mappers[row.kind]
      if (isFirst) await mapper.renew?.(target)
      await mapper.ensure(target)
      await markPresent(em, row, { rotatedBy: operation.id })
      const event: NewEvent = { type: 'TENANCY_CREDENTIALS_ROTATED', actor: 'system:worker', data: describe(row) }
      return { state: 'done', phase: 'credentials', events: isFirst ? [event] : [] }
    })

  async function onResource(
    { input, step }: StepInput,
    work: (at: Work) => Promise<Done>,
    whenGone?: 'absent-is-done',
  ): Promise<void> {
    await deps.orm.em.fork().transactional(async (em) => {
      const row = await lockResource(em, input.tenantId, step.placement, step.resource)
      const operation = await findOperation(em, input.operationId)
      if (!isOpen(operation.state) || operation.attempt !== input.attempt)
        throw new FreeholdError(
          'operation_superseded',
          `operation ${operation.id} is ${operation.state}, attempt ${operation.attempt}; this is attempt ${input.attempt}`,
        )
      if (row === null) {
        if (whenGone === 'absent-is-done') return recordStep(em, operation.id, step.key, 'undone', 'removing')
        throw new FreeholdError('operation_superseded', `${step.resource} is no longer in the ledger`)
      }
      const { state, phase, events, last } = await work({ em, operation, row, target: await targetOf(em, row) })
      await recordStep(em, operation.id, step.key, state, phase)
      await appendEvents(
        em,
        input.tenantId,
        events.map((event) => ({ ...event, operationId: operation.id, correlationId: operation.correlationId })),
      )
      await last?.()
    })
  }

  async function targetOf(em: EntityManager, row: ResourceRow): Promise<Target> {
    const { cell, bus, epoch } = await accessOf(em, row)
    // Only what this kind needs: a credential that cannot be read must not keep the others from being removed.
    const provisionerUrl = row.kind === 'database' ? await deps.resolveSecret(cell.declaration.database.credential) : ''
    const managed =
      row.kind === 'topic' && bus !== null
        ? { ...busFacts(bus), ...(await managedBus(bus.declaration, deps.resolveSecret)) }
        : undefined
    return {
      spec: row.spec,
      tenantId: row.tenant,
      epoch,
      cell: { ...cellFacts(cell), provisionerUrl },
      bus: managed,
      secrets: tenantSecrets(em, deps.platformKey, row.tenant),
    }
  }

  return { ensure, migrate, remove, rotate }
}
export type ResourceActivities = ReturnType<typeof createResourceActivities>

function describe(row: ResourceRow): JsonObject {
  return { key: row.key, name: row.name, cell: row.cell, environment: row.environment }
}
