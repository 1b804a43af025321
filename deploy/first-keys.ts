import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { FreeholdError } from '../domain/errors.ts'
import { readPlatformKey, type ResolveSecret } from '../base/secret-reference.ts'
import { createApiKey } from '../registry/api-keys.ts'
import { ApiKey } from '../registry/entities/access.ts'
import { TenantKey } from '../registry/entities/secret.ts'
import type { EntityManager } from '../registry/orm.ts'
import { keptSecret } from './kept-secret.ts'

const adminKeyName = 'admin'

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
    if (wrapped > 0)
      throw new FreeholdError(
        'configuration_invalid',
        `the platform key ${path} is not there, and the registry holds ${wrapped} tenants' keys that nothing else opens; bring it back from where you keep a copy`,
      )
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    keptSecret(path, 'base64')
    say(`the platform key is in ${path}; keep a copy elsewhere, for without it no tenant's secret can be read`)
  }
  await readPlatformKey(reference, resolveSecret)
}

/**
 * Makes the first key of the API, of a platform-admin, and keeps it in `<stateDir>/admin.key`. Nothing to do when both are
 * there; a key whose file was lost is replaced.
 */
export async function ensureAdminKey(em: EntityManager, stateDir: string, say: (line: string) => void): Promise<void> {
  const file = join(stateDir, 'admin.key')
  const isKnown = (await em.count(ApiKey, { name: adminKeyName })) > 0
  if (isKnown && existsSync(file)) return
  writeFileSync(file, `${await createApiKey(em, adminKeyName, 'platform-admin')}\n`, { mode: 0o600 })
  say(`a key of the API is in ${file}`)
}
