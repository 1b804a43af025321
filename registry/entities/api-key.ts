import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import type { Json } from '../../domain/json.ts'
import { instant, laterInstant } from './types.ts'

export const roles = ['platform-admin', 'platform-operator', 'platform-auditor'] as const
export type Role = (typeof roles)[number]

/** A key of the API; only its hash is here. */
export const ApiKey = defineEntity({
  name: 'ApiKey',
  tableName: 'api_keys',
  properties: {
    id: p.uuid().primary().defaultRaw('uuidv7()'),
    name: p.text().unique('api_keys_name'),
    role: p.enum(roles),
    hash: p.text().unique('api_keys_hash'),
    createdAt: instant(),
    revokedAt: laterInstant(),
  },
})
export type ApiKeyRow = InferEntity<typeof ApiKey>

/** The answer to a mutation, kept under its Idempotency-Key, so that the same call gives the same answer. */
export const IdempotencyRecord = defineEntity({
  name: 'IdempotencyRecord',
  tableName: 'idempotency_records',
  properties: {
    apiKey: () => p.manyToOne(ApiKey).mapToPk().primary(),
    key: p.text().primary(),
    requestHash: p.text(),
    status: p.integer(),
    headers: p.json<Record<string, string>>(),
    body: p.json<Json>(),
    createdAt: instant(),
  },
  indexes: [{ name: 'idempotency_records_age', properties: ['createdAt'] }],
})
