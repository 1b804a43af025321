import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import type { JsonObject } from '../../domain/json.ts'
import type { ResourceKind, ResourceSpec } from '../../domain/resources.ts'
import { Operation } from './operation.ts'
import { Tenant } from './tenant.ts'
import { instant, laterInstant } from './types.ts'

/**
 * The ledger: every resource is entered as `planned` before it exists, with the operation that is going to make it, so that
 * whatever dies in between, somebody knows where to look. Removed ones leave the ledger; their story is in the events.
 */
export const Resource = defineEntity({
  name: 'Resource',
  tableName: 'resources',
  properties: {
    tenant: () => p.manyToOne(Tenant).mapToPk().primary(),
    key: p.text().primary(),
    kind: p.text().$type<ResourceKind>(),
    /** 0 for what all placements of the environment share. */
    placement: p.integer(),
    environment: p.text(),
    cell: p.text(),
    name: p.text(),
    spec: p.json<ResourceSpec>(),
    /** How it was, while an operation brings it to `spec`; it stays when it could be brought neither there nor back. */
    specBefore: p.json<ResourceSpec>().nullable(),
    specVersion: p.integer().default(1),
    state: p.enum(['planned', 'present'] as const).default('planned'),
    facts: p.json<JsonObject>().defaultRaw(`'{}'`),
    /** Of the newest claim; grows over all resources, so that it is never given twice. */
    fence: p.bigint('number').default(0),
    /** Tries in a row that the world refused. */
    failures: p.integer().default(0),
    /** The claim: which attempt of which operation works on it, and until when without a word of it. */
    claimedBy: p.uuid().nullable(),
    claimedAttempt: p.integer().nullable(),
    claimedUntil: laterInstant(),
    createdBy: () => p.manyToOne(Operation).mapToPk().joinColumn('created_by'),
    createdAt: instant(),
    updatedAt: instant(),
  },
})
export type ResourceRow = InferEntity<typeof Resource>
