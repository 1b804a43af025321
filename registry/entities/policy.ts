import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import type { Rule } from '../../domain/policy.ts'
import { instant } from './types.ts'

/** One version of the policy's rules: insert-only by grant and by trigger; the newest is in force. */
export const Policy = defineEntity({
  name: 'Policy',
  tableName: 'policies',
  properties: {
    version: p.integer().primary().autoincrement(false),
    rules: p.json<Rule[]>(),
    actor: p.text(),
    reason: p.text().nullable(),
    createdAt: instant(),
  },
  triggers: [
    {
      name: 'policies_insert_only',
      timing: 'before',
      events: ['update', 'delete'],
      forEach: 'row',
      body: `raise exception 'policies are insert-only'`,
    },
  ],
})
export type PolicyRow = InferEntity<typeof Policy>
