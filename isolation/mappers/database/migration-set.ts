import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Client } from 'pg'
import type { Migration } from '../../../base/migration-source.ts'
import { FreeholdError } from '../../../domain/errors.ts'
import type { Target } from '../../mapper.ts'
import { together } from './connections.ts'
import { readRecords } from './migration-records.ts'

const archived = z.array(
  z.strictObject({ version: z.string(), file: z.string(), sql: z.string(), checksum: z.string() }),
)

/**
 * Those of the set that the schema was made by, by its own records. Throws `archive_unsupported` for a script that was
 * applied and is not in the set any more, and `migration_changed` for one that is another by now.
 */
export async function appliedOf(
  client: Client,
  { spec }: Target<'database'>,
  offered: readonly Migration[],
): Promise<Migration[]> {
  if (offered.length === 0) return []
  const [recorded] = await together(client, readRecords(spec.properties))
  const rows = (recorded?.rows ?? []) as { file: string; checksum: string }[]
  for (const { file, checksum } of rows) {
    const script = offered.find((one) => one.file === file)
    if (script === undefined)
      throw new FreeholdError(
        'archive_unsupported',
        `${file} was applied to ${spec.name} and is not in the migration set any more, so that its schema could not be made again; put it back, then retry`,
      )
    if (script.checksum !== checksum)
      throw new FreeholdError(
        'migration_changed',
        `${file} has changed since it was applied to ${spec.name}; restore it and write what is new into a new file`,
      )
  }
  return offered.filter(({ file }) => rows.some((row) => row.file === file))
}

/** The set as text, for an archive. */
export function writeMigrations(migrations: readonly Migration[]): string {
  return JSON.stringify(migrations)
}

/** The set as it was archived. Throws `archive_damaged` for a script that is not what its checksum says. */
export function readMigrations(text: string): Migration[] {
  const migrations = archived.parse(JSON.parse(text))
  for (const { file, sql, checksum } of migrations)
    if (createHash('sha256').update(sql).digest('hex') !== checksum)
      throw new FreeholdError('archive_damaged', `the script ${file} of the archive is not what its checksum says`)
  return migrations
}
