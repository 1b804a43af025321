import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import { placementStates } from '../../domain/placement.ts'
import type { CellDeclaration } from '../../domain/platform.ts'
import { Tenant } from './tenant.ts'
import { instant } from './types.ts'

/** A cell: what the platform file declares, the database endpoint tenants are told, and how many placements it holds. */
export const Cell = defineEntity({
  name: 'Cell',
  tableName: 'cells',
  properties: {
    name: p.text().primary(),
    region: p.text(),
    state: p.enum(['open', 'draining', 'closed'] as const),
    capacity: p.integer(),
    used: p.integer().default(0),
    declaration: p.json<CellDeclaration>(),
    database: p.json<{ host: string; port: number; name: string }>(),
    updatedAt: instant(),
  },
  checks: [{ name: 'cells_used_not_negative', expression: 'used >= 0' }],
})
export type CellRow = InferEntity<typeof Cell>

export const Placement = defineEntity({
  name: 'Placement',
  tableName: 'placements',
  properties: {
    tenant: () => p.manyToOne(Tenant).mapToPk().primary(),
    environment: p.text().primary(),
    number: p.integer().primary(),
    profile: p.text(),
    cell: () => p.manyToOne(Cell).mapToPk().joinColumn('cell'),
    state: p.enum(placementStates).default('pending'),
    epoch: p.bigint('number').default(1),
    updatedAt: instant(),
  },
  indexes: [{ name: 'placements_cell', properties: ['cell'] }],
})
export type PlacementRow = InferEntity<typeof Placement>
