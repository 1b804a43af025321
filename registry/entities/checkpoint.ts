import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import { EventStream } from './event.ts'
import { instant } from './types.ts'

const insertOnly = (table: string, what: string) => [
  {
    name: `${table}_insert_only`,
    timing: 'before' as const,
    events: ['update' as const, 'delete' as const],
    forEach: 'row' as const,
    body: `raise exception '${what} are insert-only'`,
  },
]

/** A public key that the platform signs with, or has signed with: insert-only by grant and by trigger. */
export const SigningKey = defineEntity({
  name: 'SigningKey',
  tableName: 'signing_keys',
  properties: { id: p.text().primary(), document: p.text(), signature: p.text(), createdAt: instant() },
  triggers: insertOnly('signing_keys', 'signing keys'),
})

/** Heads of streams at one time, signed; in canonical JSON kept as text: insert-only by grant and by trigger. */
export const Checkpoint = defineEntity({
  name: 'Checkpoint',
  tableName: 'checkpoints',
  properties: {
    number: p.integer().primary().autoincrement(false),
    document: p.text(),
    hash: p.text(),
    key: () => p.manyToOne(SigningKey).mapToPk().joinColumn('key_id'),
    signature: p.text(),
    createdAt: instant(),
  },
  triggers: insertOnly('checkpoints', 'checkpoints'),
})
export type CheckpointRow = InferEntity<typeof Checkpoint>

/** Which checkpoint has which head of a stream: insert-only by grant and by trigger. */
export const CheckpointHead = defineEntity({
  name: 'CheckpointHead',
  tableName: 'checkpoint_heads',
  properties: {
    stream: () => p.manyToOne(EventStream).mapToPk().primary().joinColumn('stream'),
    seq: p.bigint('number').primary(),
    checkpoint: () => p.manyToOne(Checkpoint).mapToPk().joinColumn('checkpoint'),
  },
  triggers: insertOnly('checkpoint_heads', 'heads of checkpoints'),
})
