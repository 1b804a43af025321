import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import type { JsonObject } from '../../domain/json.ts'
import { relocationStates, type RelocationFacts, type RelocationOptions } from '../../domain/relocation.ts'
import { Operation } from './operation.ts'
import { Tenant } from './tenant.ts'
import { instant, laterInstant } from './types.ts'

/** The move of an environment from one placement to another; its id is that of the operation that moves. */
export const Relocation = defineEntity({
  name: 'Relocation',
  tableName: 'relocations',
  properties: {
    id: () =>
      p.oneToOne(Operation).mapToPk().primary().joinColumn('id').deleteRule('no action').updateRule('no action'),
    tenant: () => p.manyToOne(Tenant).mapToPk(),
    environment: p.text(),
    /** Numbers of the placements. */
    source: p.integer(),
    target: p.integer(),
    state: p.enum(relocationStates).default('moving'),
    phase: p.text().default('preflight'),
    options: p.json<RelocationOptions>(),
    progress: p.json<JsonObject>().default('{}'),
    facts: p.json<RelocationFacts>().default('{}'),
    soakUntil: laterInstant(),
    createdAt: instant(),
    updatedAt: instant(),
  },
  indexes: [
    { name: 'relocations_tenant', properties: ['tenant', 'id'] },
    {
      name: 'relocations_open',
      expression: `create unique index "relocations_open" on "relocations" ("tenant_id", "environment") where "state" in ('moving', 'soaking')`,
    },
  ],
})
export type RelocationRow = InferEntity<typeof Relocation>
