import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { FreeholdError } from '../domain/errors.ts'
import { readPlatformKey, type ResolveSecret } from '../base/secret-reference.ts'
import { createApiKey, findApiKey } from '../registry/api-keys.ts'
import type { Role } from '../registry/entities/api-key.ts'
import { PlatformSecret, TenantKey } from '../registry/entities/secret.ts'
import type { EntityManager, Orm } from '../registry/orm.ts'
import { sqlOf } from '../registry/pool.ts'
import { keptSecret } from './kept-secret.ts'

/**
 * Makes the platform key where it is a file that is not there yet, and checks that it can be read. Throws
 * `configuration_invalid`, also when the registry holds keys that only the missing file can open.
 * @param reference `env:NAME` or `file:PATH`
 */
export async function ensurePlatformKey(
  em: EntityManager,
  reference: string,
  resolveSecret: ResolveSecret,
  say: (line: string) => void,
): Promise<void> {
  const path = reference.startsWith('file:') ? reference.slice('file:'.length) : undefined
  if (path !== undefined && !existsSync(path)) {
    const wrapped = await em.count(TenantKey, {})
    const sealed = await em.count(PlatformSecret, {})
    if (wrapped + sealed > 0)
      throw new FreeholdError(
        'configuration_invalid',
        `the platform key ${path} is not there, and the registry holds ${wrapped} tenants' keys and ${sealed} secrets that nothing else opens; bring it back from where you keep a copy`,
      )
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    keptSecret(path, 'base64')
    say(`the platform key is in ${path}; keep a copy elsewhere, for without it no tenant's secret can be read`)
  }
  await readPlatformKey(reference, resolveSecret)
}

/** The first key of the API, of a platform-admin, kept in `<stateDir>/admin.key`; made when it is not there. */
export async function firstKey(orm: Orm, stateDir: string, say: (line: string) => void): Promise<string> {
  const file = join(stateDir, 'admin.key')
  const { key, isNew } = await keptApiKey(orm, { file, name: 'admin', role: 'platform-admin' })
  if (isNew) say(`a key of the API is in ${file}`)
  return key
}

/**
 * The API key in this file, as long as the registry knows it; else a new one of this name and role, which replaces the key
 * of that name: the file may have been lost, and the registry may be another.
 */
export async function keptApiKey(
  orm: Orm,
  { file, name, role }: { file: string; name: string; role: Role },
): Promise<{ key: string; isNew: boolean }> {
  const kept = existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
  if (kept !== undefined && (await findApiKey(sqlOf(orm.pool), kept)) !== undefined) return { key: kept, isNew: false }
  const key = await createApiKey(orm.em.fork(), name, role)
  writeFileSync(file, `${key}\n`, { mode: 0o600 })
  return { key, isNew: true }
}
