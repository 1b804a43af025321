import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import type { JsonObject } from '../../domain/json.ts'
import { resourceKinds, type ResourceSpec } from '../../domain/resources.ts'
import { Operation } from './operation.ts'
import { Tenant } from './tenant.ts'
import { instant } from './types.ts'

/**
 * The ledger: every resource is entered as `planned` before it exists, with the operation that is going to make it, so that
 * whatever dies in between, somebody knows where to look. Removed ones leave the ledger; their story is in the events.
 */
export const Resource = defineEntity({
  name: 'Resource',
  tableName: 'resources',
  properties: {
    tenant: () => p.manyToOne(Tenant).mapToPk().primary(),
    placement: p.integer().primary(),
    key: p.text().primary(),
    kind: p.enum(resourceKinds),
    environment: p.text(),
    cell: p.text(),
    name: p.text(),
    spec: p.json<ResourceSpec>(),
    state: p.enum(['planned', 'present'] as const).default('planned'),
    facts: p.json<JsonObject>().defaultRaw(`'{}'`),
    createdBy: () => p.manyToOne(Operation).mapToPk().joinColumn('created_by'),
    createdAt: instant(),
    updatedAt: instant(),
  },
})
export type ResourceRow = InferEntity<typeof Resource>
