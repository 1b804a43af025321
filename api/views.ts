import type { z } from '@hono/zod-openapi'
import { allowedCommands, commandsBeside, isAbortable, runsWhileSoaking, type Command } from '../domain/lifecycle.ts'
import { isOpen, workflowId } from '../domain/operation.ts'
import { isYetToEnd } from '../operations/retry-and-abort.ts'
import type { EventRow } from '../registry/entities/event.ts'
import type { OperationRow } from '../registry/entities/operation.ts'
import type { ResourceRow } from '../registry/entities/resource.ts'
import type { TenantSummary } from '../registry/tenant-summaries.ts'
import type { ApiDeps } from './deps.ts'
import type { eventSchema, operationSchema, resourceSchema, tenantSchema } from './schemas.ts'

export type TenantView = z.infer<typeof tenantSchema>
export type OperationView = z.infer<typeof operationSchema>

/**
 * The commands that are possible now. An open operation holds the tenant: see the operation for whether it can be retried or aborted. So
 * does a move that may still be undone: see the move.
 */
function allowedOf({ newest, placements, state }: TenantSummary): Command[] {
  const allowed = newest !== null && isOpen(newest.state) ? commandsBeside(newest.kind) : allowedCommands(state)
  return placements.some((side) => side.state === 'moved') ? allowed.filter(runsWhileSoaking) : allowed
}

/** A tenant as the API shows it, with where it lives and its newest operation. */
export function tenantView(row: TenantSummary): TenantView {
  const { id, code, slug, name, labels, profile, plan, region, state, conditions, generation, newest } = row
  return {
    id,
    code,
    slug,
    name,
    labels,
    profile,
    plan,
    region,
    state,
    conditions,
    purgeAfter: row.purgeAfter?.toISOString() ?? null,
    generation,
    observedGeneration: row.observedGeneration,
    environments: row.placements.map(({ environment, number, cell, state: side, epoch }) => ({
      name: environment,
      placement: number,
      cell,
      state: side,
      epoch,
    })),
    dataKey: row.dataKey,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
    allowed: allowedOf(row),
    operation: newest,
  }
}

/** An operation as the API shows it, with a link to its workflow where a Web UI is configured. */
export function operationView(
  row: OperationRow,
  slug: string,
  { temporalUiUrl, temporalNamespace }: Pick<ApiDeps, 'temporalUiUrl' | 'temporalNamespace'>,
): OperationView {
  const workflow = workflowId(row)
  const link =
    temporalUiUrl === undefined
      ? {}
      : {
          workflow: `${temporalUiUrl.replace(/\/+$/, '')}/namespaces/${encodeURIComponent(temporalNamespace)}/workflows/${encodeURIComponent(workflow)}`,
        }
  const { id, kind, generation, attempt, state, intent, phase, revision, actor, reason, correlationId } = row
  return {
    id,
    kind,
    tenant: { id: row.tenant, slug },
    generation,
    attempt,
    state,
    intent,
    phase,
    abortable: isAbortable(kind) || isYetToEnd(row),
    steps: stepViews(row),
    revision,
    actor,
    reason: reason ?? null,
    correlationId,
    error: row.error ?? null,
    result: row.result ?? null,
    policyVersion: row.policyVersion,
    verdict: row.verdict ? { ...row.verdict, reasons: [...row.verdict.reasons] } : null,
    workflowId: workflow,
    links: link,
    createdAt: row.createdAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    finishedAt: row.finishedAt?.toISOString() ?? null,
  }
}

/** A step runs when it is pending in a running operation that goes forward, and everything before it is done. */
function stepViews({ steps, state, intent }: Pick<OperationRow, 'steps' | 'state' | 'intent'>): OperationView['steps'] {
  const done = new Set(steps.filter((step) => step.state === 'done').map((step) => step.key))
  const keys = new Set(steps.map((step) => step.key))
  const isUnderWay = state === 'running' && intent === 'forward'
  return steps.map((step) => {
    const isFree = step.after.every((key) => done.has(key) || !keys.has(key))
    const runs = isUnderWay && step.state === 'pending' && isFree
    return { key: step.key, title: step.title, state: runs ? 'running' : step.state }
  })
}

/** An event as the API shows it: what was hashed, and the hashes. */
export function eventView(row: Pick<EventRow, 'body' | 'previousHash' | 'hash'>): z.infer<typeof eventSchema> {
  const { stream: _, ...body } = JSON.parse(row.body) as Omit<z.infer<typeof eventSchema>, 'previousHash' | 'hash'> & {
    stream: string
  }
  return { ...body, previousHash: row.previousHash, hash: row.hash }
}

/** An entry of the ledger as the API shows it. */
export function resourceView(row: ResourceRow): z.infer<typeof resourceSchema> {
  const { key, kind, environment, placement, cell, name, state, facts, createdBy } = row
  return {
    key,
    kind,
    environment,
    placement,
    cell,
    name,
    state,
    facts,
    createdBy,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  }
}
