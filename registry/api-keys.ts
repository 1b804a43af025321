import { newApiKey, sha256 } from '../crypto/tokens.ts'
import { platformStream, type NewEvent } from '../domain/events.ts'
import { ApiKey, type ApiKeyRow, type Role } from './entities/api-key.ts'
import { appendEvents } from './events.ts'
import type { EntityManager } from './orm.ts'
import type { Sql } from './sql.ts'

/** The living key with this value, or undefined. */
export async function findApiKey(
  sql: Sql,
  value: string,
): Promise<Pick<ApiKeyRow, 'id' | 'name' | 'role'> | undefined> {
  const [row] = await sql<Pick<ApiKeyRow, 'id' | 'name' | 'role'>>({
    name: 'api-key',
    text: 'select id, name, role from api_keys where hash = $1 and revoked_at is null',
    values: [sha256(value)],
  })
  return row
}

/** Makes a key and gives its value, which is not stored and cannot be shown again. A key of that name is replaced, also a revoked one. */
export async function createApiKey(em: EntityManager, name: string, role: Role): Promise<string> {
  const value = newApiKey()
  await em.transactional(async (tx) => {
    const before = await tx.findOne(ApiKey, { name, revokedAt: null })
    const replaces = before === null ? null : { role: before.role }
    const actor = 'system:bootstrap'
    await tx.upsert(
      ApiKey,
      { name, role, hash: sha256(value), revokedAt: null },
      { onConflictFields: ['name'], onConflictMergeFields: ['role', 'hash', 'revokedAt'] },
    )
    await appendEvents(tx, platformStream, [
      ...(replaces === null
        ? []
        : [{ type: 'TENANCY_API_KEY_REVOKED' as const, actor, data: { name, before: replaces } } satisfies NewEvent]),
      { type: 'TENANCY_API_KEY_CREATED', actor, data: { name, role } },
    ])
  })
  return value
}
