import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import type { JsonObject } from '../../domain/json.ts'
import type { Verdict } from '../../domain/governance.ts'
import type { TenantState } from '../../domain/lifecycle.ts'
import {
  openStates,
  operationStates,
  type OperationError,
  type OperationKind,
  type Step,
} from '../../domain/operation.ts'
import { Tenant } from './tenant.ts'
import { instant, laterInstant } from './types.ts'

const open = openStates.map((state) => `'${state}'`).join(', ')

/** The unit of work, and the lock: one open exclusive operation a tenant, by a partial unique index. */
export const Operation = defineEntity({
  name: 'Operation',
  tableName: 'operations',
  properties: {
    id: p.uuid().primary().defaultRaw('uuidv7()'),
    tenant: () => p.manyToOne(Tenant).mapToPk(),
    kind: p.text().$type<OperationKind>(),
    /** Whether it holds its tenant: only suspend does not. */
    exclusive: p.boolean().default(true),
    generation: p.integer(),
    /** What the command needs besides the tenant, e.g. the environment; no secrets. */
    parameters: p.json<JsonObject>().defaultRaw(`'{}'`),
    attempt: p.integer().default(1),
    state: p.enum(operationStates).default('accepted'),
    intent: p.enum(['forward', 'compensate'] as const).default('forward'),
    phase: p.text().default('accepted'),
    steps: p.json<Step[]>().defaultRaw(`'[]'`),
    /** What undoes it, once it is being undone. */
    undo: p.json<Step[]>().defaultRaw(`'[]'`),
    /** State of the tenant when it began, for what ends in the state before. */
    stateBefore: p.text().$type<TenantState>().nullable(),
    /** Grows with every change: the id of a server-sent event, so that a reader resumes where it was. */
    revision: p.integer().default(1),
    actor: p.text(),
    reason: p.text().nullable(),
    correlationId: p.text(),
    error: p.json<OperationError>().nullable(),
    result: p.json<JsonObject>().nullable(),
    /** Version of the policy that judged it; 0 where there were no rules. */
    policyVersion: p.integer().default(0),
    /** What the governance endpoint said of this attempt. */
    verdict: p.json<Verdict>().nullable(),
    createdAt: instant(),
    /** One that is scheduled holds nothing before this time. */
    dueAt: instant(),
    startedAt: laterInstant(),
    finishedAt: laterInstant(),
    updatedAt: instant(),
  },
  uniques: [
    { name: 'operations_one_open_per_tenant', properties: ['tenant'], where: `exclusive and state in (${open})` },
  ],
  indexes: [
    { name: 'operations_tenant', properties: ['tenant', 'id'] },
    { name: 'operations_open', properties: ['updatedAt'], where: `state in (${open})` },
    { name: 'operations_due', properties: ['dueAt'], where: `state = 'scheduled'` },
  ],
})
export type OperationRow = InferEntity<typeof Operation>
