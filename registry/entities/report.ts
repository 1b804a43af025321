import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import { Operation } from './operation.ts'
import { Tenant } from './tenant.ts'
import { instant } from './types.ts'

export const reportKinds = ['deletion-certificate', 'archive', 'restore', 'relocation'] as const
export type ReportKind = (typeof reportKinds)[number]

/** What was proven of a tenant, in canonical JSON kept as text: insert-only by grant and by trigger. */
export const Report = defineEntity({
  name: 'Report',
  tableName: 'reports',
  properties: {
    id: p.uuid().primary().defaultRaw('uuidv7()'),
    tenant: () => p.manyToOne(Tenant).mapToPk(),
    operation: () => p.manyToOne(Operation).mapToPk(),
    kind: p.text().$type<ReportKind>(),
    document: p.text(),
    createdAt: instant(),
  },
  uniques: [{ name: 'reports_operation', properties: ['operation', 'kind'] }],
  indexes: [{ name: 'reports_tenant', properties: ['tenant', 'id'] }],
  triggers: [
    {
      name: 'reports_insert_only',
      timing: 'before',
      events: ['update', 'delete'],
      forEach: 'row',
      body: `raise exception 'reports are insert-only'`,
    },
  ],
})
export type ReportRow = InferEntity<typeof Report>
