import type { Migration } from '../../../base/migration-source.ts'
import { FreeholdError } from '../../../domain/errors.ts'
import { translated } from './errors.ts'
import type { Target } from '../../mapper.ts'
import { together, type Connections } from './connections.ts'
import { createRecords, readRecords } from './migration-records.ts'
import { runFile } from './migration-file.ts'
import { asOwner } from './owner-session.ts'

/** What ran now, and the version reached (null when there was no migration at all). */
export type Migrated = { applied: string[]; version: string | null }

/**
 * Brings a tenant's schema to the version of the last migration. Each file runs in one transaction as the owner role and is
 * recorded, with its checksum, in a table of the tenant's own schema; what is recorded is not run again. A run under a later
 * claim ends an earlier one that is still alive.
 * Throws `migration_changed` when a recorded file has another checksum now (before anything runs), `migration_failed` with
 * file, line and PostgreSQL's words when a file fails (that file is rolled back, the ones before stay), `not_found` where
 * there is no schema and `resource_not_owned` for one of someone else.
 */
export async function migrateDatabase(
  connections: Connections,
  target: Target<'database'>,
  migrations: readonly Migration[],
): Promise<Migrated> {
  const { properties } = target.spec
  const deadline = Date.now() + target.timeoutMs
  return translated(target, () =>
    asOwner(connections, target, async (client) => {
      const results = await together(client, ...createRecords(properties), readRecords(properties))
      const recorded = new Map((results.at(-1)?.rows ?? []).map(({ file, checksum }) => [file, checksum]))
      for (const migration of migrations) refuseChanged(migration, recorded.get(migration.file), target)
      const applied = []
      for (const migration of migrations)
        if (!recorded.has(migration.file)) {
          target.signal.throwIfAborted()
          await runFile(client, properties, migration, deadline - Date.now())
          applied.push(migration.file)
        }
      return { applied, version: migrations.at(-1)?.version ?? null }
    }),
  )
}

function refuseChanged(migration: Migration, checksum: string | undefined, target: Target): void {
  if (checksum === undefined || checksum === migration.checksum) return
  throw new FreeholdError(
    'migration_changed',
    `${migration.file} has changed since it was applied to ${target.spec.name}; restore it and write what is new into a new file`,
    { facts: { file: migration.file } },
  )
}
