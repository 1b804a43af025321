import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import { placementStates, type BusEndpoint } from '../../domain/placement.ts'
import type { BusDeclaration, CellDeclaration } from '../../domain/platform.ts'
import { PlatformSecret } from './secret.ts'
import { Tenant } from './tenant.ts'
import { CidrType, instant } from './types.ts'

/** Columns of what takes placements up to its capacity. */
const places = () => ({
  name: p.text().primary(),
  region: p.text(),
  state: p.enum(['open', 'draining', 'closed'] as const),
  capacity: p.integer(),
  used: p.integer().default(0),
})

/** A cell: what the platform file declares, the database endpoint tenants are told, and how many placements it holds. */
export const Cell = defineEntity({
  name: 'Cell',
  tableName: 'cells',
  properties: {
    ...places(),
    declaration: p.json<CellDeclaration>(),
    database: p.json<{ host: string; port: number; name: string }>(),
    updatedAt: instant(),
  },
  checks: [{ name: 'cells_used_not_negative', expression: 'used >= 0' }],
})
export type CellRow = InferEntity<typeof Cell>

/** A namespace of the bus: what the platform file declares, the endpoint tenants are told, and how many topics it holds. */
export const Bus = defineEntity({
  name: 'Bus',
  tableName: 'buses',
  properties: {
    ...places(),
    declaration: p.json<BusDeclaration>(),
    endpoint: p.json<BusEndpoint>(),
    updatedAt: instant(),
  },
  checks: [{ name: 'buses_used_not_negative', expression: 'used >= 0' }],
})
export type BusRow = InferEntity<typeof Bus>

export const Placement = defineEntity({
  name: 'Placement',
  tableName: 'placements',
  properties: {
    tenant: () => p.manyToOne(Tenant).mapToPk().primary(),
    environment: p.text().primary(),
    number: p.integer().primary(),
    profile: p.text(),
    /** Its objects are in an area of its own: a move brought them there. */
    ownStore: p.boolean().default(false),
    cell: () => p.manyToOne(Cell).mapToPk().joinColumn('cell'),
    bus: () => p.manyToOne(Bus).mapToPk().joinColumn('bus').nullable().deleteRule('no action'),
    /** Of the tenant's own database server; null where the cell's is used. */
    serverSecret: () => p.manyToOne(PlatformSecret).mapToPk().joinColumn('server_secret').nullable(),
    /** No two that live overlap: the check below. */
    segment: p.type(CidrType).$type<string>().nullable(),
    state: p.enum(placementStates).default('standby'),
    epoch: p.bigint('number').default(1),
    updatedAt: instant(),
  },
  indexes: [
    { name: 'placements_cell', properties: ['cell'] },
    { name: 'placements_server_secret', properties: ['serverSecret'] },
  ],
  checks: [
    {
      name: 'placements_segment',
      expression: `exclude using gist ("segment" inet_ops with &&) where ("state" <> 'released')`,
    },
  ],
})
export type PlacementRow = InferEntity<typeof Placement>
