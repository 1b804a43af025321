import { scramVerifier } from '../../../crypto/scram.ts'
import { newPassword } from '../../../crypto/tokens.ts'
import { FreeholdError } from '../../../domain/errors.ts'
import type { Migration } from '../../../base/migration-source.ts'
import type { Mapper, Target } from '../../mapper.ts'
import { createConnections, type ConnectionOptions } from './connections.ts'
import { find, partsOf, refuseForeign, type Found } from './found.ts'
import { migrateSchema, type Migrated } from './migrate.ts'
import { observeDatabase } from './observe.ts'
import { deletePlacement, lockPlacement, readPlacement, setPlacementState } from './placement.ts'
import { databaseProperties, type DatabaseProperties } from './properties.ts'
import { endSessions } from './sessions.ts'
import { dropStatements, ensureStatements, loginStatement } from './statements.ts'

export type DatabaseMapper = Mapper & {
  /** Brings the schema to the version of the last migration: `migrateSchema`. */
  migrate(target: Target, migrations: readonly Migration[]): Promise<Migrated>
}

/**
 * Mapper of kind `database`: a schema with an owner and an app role in the cell's database, and the row of
 * `tenancy.placement` that says whether this side may write. Works as the cell's provisioner, which is no superuser.
 * @param options as of `createConnections`, and how many milliseconds (60,000) one file of a migration may take
 */
export function createDatabaseMapper(
  options: ConnectionOptions & { migrationTimeoutMs?: number } = {},
): DatabaseMapper {
  const { use, transaction, close } = createConnections(options)

  const verifierOf = async ({ secrets }: Target, { passwordSecret }: DatabaseProperties) =>
    scramVerifier(await secrets.readOrCreate(passwordSecret, newPassword))

  async function ensure(target: Target) {
    const names = databaseProperties(target.spec)
    const verifier = await verifierOf(target, names)
    await transaction(target.cell, async (client) => {
      const { state } = await lockPlacement(client, target, names)
      const found = await find(client, names)
      refuseForeign(found, target.tenantId)
      const login = state === 'active'
      await client.query(ensureStatements(found, names, target.tenantId, { login, verifier }).join(';\n'))
    })
    return { schema: names.schema, role: names.appRole, connectionLimit: names.connectionLimit }
  }

  /** Sets state and login together; false when there is nothing of the tenant here. */
  function setOpen(target: Target, names: DatabaseProperties, open: boolean): Promise<boolean> {
    return transaction(target.cell, async (client) => {
      await setPlacementState(client, target, names, open ? 'active' : 'suspended')
      const found = await find(client, names)
      refuseForeign(found, target.tenantId)
      if (partsOf(found).length === 0) await deletePlacement(client, target)
      if (found.appRole !== undefined) await client.query(loginStatement(names, open))
      return partsOf(found).length > 0
    })
  }

  async function freeze(target: Target) {
    const names = databaseProperties(target.spec)
    await setOpen(target, names, false)
    await use(target.cell, (client) => endSessions(client, names.appRole))
  }

  async function thaw(target: Target) {
    if (await setOpen(target, databaseProperties(target.spec), true)) return
    throw new FreeholdError('not_found', `${target.spec.name} does not exist, so it cannot be opened`)
  }

  async function remove(target: Target) {
    const names = databaseProperties(target.spec)
    await use(target.cell, async (client) => {
      const { roles } = removable(await find(client, names), target.tenantId)
      if (!roles.includes(names.appRole)) return
      await client.query(loginStatement(names, false))
      await endSessions(client, names.appRole)
    })
    return transaction(target.cell, async (client) => {
      const recorded = (await readPlacement(client, target)) !== undefined
      await lockPlacement(client, target, names)
      const found = await find(client, names)
      const { schema, roles } = removable(found, target.tenantId)
      const statements = dropStatements(schema, roles)
      if (statements.length > 0) await client.query(statements.join(';\n'))
      await deletePlacement(client, target)
      if (partsOf(found).some(({ part }) => part.owner !== target.tenantId)) return 'not-owned'
      return recorded || partsOf(found).length > 0 ? 'removed' : 'absent'
    })
  }

  return {
    kind: 'database',
    observe: (target) => use(target.cell, (client) => observeDatabase(client, target)),
    ensure,
    freeze,
    thaw,
    remove,
    async rotate(target: Target) {
      await target.secrets.replace(databaseProperties(target.spec).passwordSecret, newPassword())
      await ensure(target)
    },
    migrate: (target, migrations) =>
      use(target.cell, (client) => migrateSchema(client, target, migrations, options.migrationTimeoutMs ?? 60_000)),
    close,
  }
}

/**
 * What of the found may be dropped. When a schema that is not ours belongs to our owner role, the roles stay too: dropping
 * what the role owns would take the schema with it.
 */
function removable(found: Found, tenantId: string): { schema: string | undefined; roles: string[] } {
  const { schema } = found
  const ours = (part: { owner: string | undefined } | undefined) => part?.owner === tenantId
  if (schema !== undefined && !ours(schema) && schema.ownedBy === found.ownerRole?.name)
    return { schema: undefined, roles: [] }
  return {
    schema: ours(schema) ? schema?.name : undefined,
    roles: [found.ownerRole, found.appRole].filter(ours).flatMap((role) => (role === undefined ? [] : [role.name])),
  }
}
