import { scramVerifier } from '../../../crypto/scram.ts'
import { newPassword } from '../../../crypto/tokens.ts'
import { inventoryOf } from '../../../domain/archive.ts'
import type { Migration } from '../../../base/migration-source.ts'
import { bounded } from '../../abort.ts'
import type { Mapper, Target } from '../../mapper.ts'
import { closeRoles } from './close.ts'
import { compareDatabase } from './compare.ts'
import { createConnections, type ConnectionOptions } from './connections.ts'
import { exportDatabase } from './export.ts'
import { findStatement, partsOf, readFound, refuseForeign } from './found.ts'
import { importDatabase } from './import.ts'
import { migrateDatabase, type Migrated } from './migrate.ts'
import { observeDatabase } from './observe.ts'
import { ownVerbs } from './own-verbs.ts'
import { absent, claimed, claimedSide, claimToEnsure, claimToFreeze, claimToThaw, readPlacement } from './placement.ts'
import { dropRehearsal } from './rehearse.ts'
import { removeDatabase } from './remove.ts'
import { rotateDatabase } from './rotate.ts'
import { ensureStatements, openStatements } from './statements.ts'

/** A file that takes too long is told by name; its login is closed in this time. */
const migrationGraceMs = 2_000

type DatabaseTarget = Target<'database'>

export type DatabaseMapper = Mapper<'database'> & {
  /** Brings the schema to the version of the last migration: `migrateDatabase`. */
  migrate(target: DatabaseTarget, migrations: readonly Migration[]): Promise<Migrated>
}

/**
 * Mapper of kind `database`: a schema with an owner and an app role, in the cell's database or in one of the tenant's own,
 * and the row of `tenancy.placement` that says whether this side may write. Works as the cell's provisioner, which is no superuser. Every
 * verb that writes begins by claiming that row.
 */
export function createDatabaseMapper(options: ConnectionOptions = {}): DatabaseMapper {
  const connections = createConnections(options)
  const builders = createConnections({ ...options, connections: 4 })
  const { transaction } = connections

  async function ensure(target: DatabaseTarget) {
    const { passwordSecret, schema, appRole, connectionLimit } = target.spec.properties
    const verifier = await scramVerifier(await target.secrets.readOrCreate(passwordSecret, newPassword))
    const first = [claimToEnsure(target), findStatement(target.spec.properties)]
    await transaction(target, first, ([claim, catalogue]) => {
      const login = claimed(claim, target).state === 'active'
      const found = readFound(catalogue, target)
      refuseForeign(found, target.tenantId)
      return { last: ensureStatements(found, target, { login, verifier }), result: undefined }
    })
    return { schema, role: appRole, connectionLimit }
  }

  async function freeze(target: DatabaseTarget) {
    const { appRole } = target.spec.properties
    const first = [claimToFreeze(target), findStatement(target.spec.properties)]
    await closeRoles(connections, target, first, ([claim, catalogue]) => {
      claimed(claim, target)
      const found = readFound(catalogue, target)
      refuseForeign(found, target.tenantId)
      return { found, roles: found.appRole === undefined ? [] : [appRole] }
    })
  }

  function thaw(target: DatabaseTarget): Promise<void> {
    const first = [readPlacement(target), claimToThaw(target), findStatement(target.spec.properties)]
    return transaction(target, first, ([placement, claim, catalogue]) => {
      const found = readFound(catalogue, target)
      refuseForeign(found, target.tenantId)
      if (partsOf(found).length === 0) throw absent(target)
      claimedSide(claim, placement, target)
      const names = target.spec.properties
      const left = found.ownerRole === undefined ? [] : dropRehearsal(names)
      return { last: [...left, ...openStatements(found, names)], result: undefined }
    })
  }

  const verbs = ownVerbs(
    { inCell: connections, builders },
    {
      ensure,
      freeze,
      thaw,
      observe: (target) => observeDatabase(connections, target),
      remove: (target) => removeDatabase(connections, target),
    },
  )
  return {
    kind: 'database',
    observe: (target) => bounded(target, verbs.observe),
    ensure: (target) => bounded(target, verbs.ensure),
    freeze: (target) => bounded(target, verbs.freeze),
    thaw: (target) => bounded(target, verbs.thaw),
    remove: (target) => bounded(target, verbs.remove),
    rotate: (target, rotation) =>
      bounded(target, async (on) => rotateDatabase(connections, await verbs.inside(on), rotation)),
    export: (target, to, migrations) =>
      bounded(target, async (on) => exportDatabase(connections, await verbs.inside(on), to, migrations)),
    import: (target, from, listed) =>
      bounded(target, async (on) =>
        importDatabase(connections, await verbs.inside(on), from, inventoryOf('database', listed)),
      ),
    compare: (target, listed) =>
      bounded(target, async (on) =>
        compareDatabase(connections, await verbs.inside(on), inventoryOf('database', listed)),
      ),
    migrate: (target, migrations) =>
      bounded(target, async (on) => migrateDatabase(connections, await verbs.inside(on), migrations), migrationGraceMs),
    async close() {
      await Promise.all([connections.close(), builders.close()])
    },
  }
}
