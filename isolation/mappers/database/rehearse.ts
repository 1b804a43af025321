import pg from 'pg'
import type { Migration } from '../../../base/migration-source.ts'
import { databaseIdentifier, quoteIdentifier } from '../../../domain/names.ts'
import { ownerTag } from '../../../domain/owner-tag.ts'
import type { Target } from '../../mapper.ts'
import { together, type Connections } from './connections.ts'
import { translated } from './errors.ts'
import { runFile } from './migration-file.ts'
import { createRecords, endTrial } from './migration-records.ts'
import { claimedSide, claimToWork, readPlacement } from './placement.ts'
import { asOwner } from './owner-session.ts'
import { readStructure } from './structure.ts'

type DatabaseTarget = Target<'database'>

/**
 * Name of the empty schema in which scripts are tried out; the owner role has it, so it goes with that one at the latest. What
 * makes it another goes in front: behind, it could be the end of the name of an environment.
 */
const rehearsalOf = ({ schema }: { schema: string }) => databaseIdentifier('rehearsal', schema)

/**
 * What the scripts of a migration set make, a line each: they run, as the tenant's owner, in an empty schema beside its own,
 * which is dropped again. All in one transaction that is rolled back, because a script may work on whatever its role owns, and that
 * is the tenant's own tables too. Throws what `migrateDatabase` throws.
 */
export async function rehearse(
  connections: Connections,
  target: DatabaseTarget,
  migrations: readonly Migration[],
): Promise<string[]> {
  if (migrations.length === 0) return []
  const schema = rehearsalOf(target.spec.properties)
  const { spec } = target
  const beside = { ...target, spec: { ...spec, properties: { ...spec.properties, schema } } }
  const owner = quoteIdentifier(spec.properties.ownerRole)
  const deadline = Date.now() + target.timeoutMs
  await inPlace(connections, target, [
    ...dropRehearsal(spec.properties),
    `create schema ${quoteIdentifier(schema)} authorization ${owner}`,
    `set local role ${owner}`,
    `comment on schema ${quoteIdentifier(schema)} is ${pg.escapeLiteral(ownerTag(target.tenantId, spec.placement))}`,
    'reset role',
  ])
  try {
    return await translated(beside, () =>
      asOwner(connections, beside, async (client) => {
        await together(client, 'begin', ...createRecords(beside.spec.properties))
        for (const migration of migrations) {
          target.signal.throwIfAborted()
          await runFile(client, beside.spec.properties, migration, deadline - Date.now(), endTrial)
        }
        await client.query('reset all')
        const made = await readStructure(client, schema)
        await client.query('rollback')
        return made
      }),
    )
  } finally {
    // What a crash leaves is dropped by the next one, by a thaw, and with the owner role.
    if (!target.signal.aborted) await inPlace(connections, target, dropRehearsal(spec.properties))
  }
}

/** Statements that drop what a rehearsal that was cut off has left; as the owner role, whose it is. */
export function dropRehearsal(names: { schema: string; ownerRole: string }): string[] {
  return [
    `set local role ${quoteIdentifier(names.ownerRole)}`,
    `drop schema if exists ${quoteIdentifier(rehearsalOf(names))} cascade`,
    'reset role',
  ]
}

/** Runs statements under the claim. */
function inPlace(connections: Connections, target: DatabaseTarget, statements: readonly string[]): Promise<void> {
  return connections.transaction(target, [readPlacement(target), claimToWork(target)], ([placement, claim]) => {
    claimedSide(claim, placement, target)
    return { last: statements, result: undefined }
  })
}
