import type { MigrationObject } from '@mikro-orm/core'
import { Migration, Migrator } from '@mikro-orm/migrations'
import { migrationLimits } from './connections.ts'
import { migrationNames, migrationText } from './migrations.ts'
import { openRegistry, servicesRole } from './orm.ts'

const migrationLock = 4_707_001

/**
 * Brings the registry to the version of this code and gives the services role its rights, all in one transaction. Any number
 * of starting processes may call it at once: an advisory lock lets one work while the others wait, however long it takes,
 * and find nothing to do.
 * @param adminUrl the registry database, as a role that owns it and may create the services role
 */
export async function migrateRegistry(adminUrl: string): Promise<void> {
  const migrationsList = await Promise.all((await migrationNames()).map(toMigration))
  // The migrator makes the table of its own over a second connection, while the first holds the lock.
  const orm = await openRegistry(
    adminUrl,
    { connections: 2, limits: migrationLimits },
    { extensions: [Migrator], migrations: { migrationsList, snapshot: false, silent: true } },
  )
  try {
    await orm.em.fork().transactional(async (em) => {
      await em.execute('set local lock_timeout = 0')
      await em.execute('select pg_advisory_xact_lock(?)', [migrationLock])
      await em.execute(`set local lock_timeout = ${migrationLimits.lock}`)
      await orm.migrator.up({ transaction: em.getTransactionContext() })
      for (const statement of grants) await em.execute(statement)
    })
  } finally {
    await orm.close(true)
  }
}

/** Sent as one query, never cut at semicolons: bodies of functions hold some. */
async function toMigration(name: string): Promise<MigrationObject> {
  const text = await migrationText(name)
  return {
    name,
    class: class extends Migration {
      override up(): void {
        this.addSql(text)
      }
    },
  }
}

/** Roles belong to the whole server, so another registry on it may be creating the same one this moment. */
const grants = [
  `do $$ begin
     if not exists (select from pg_roles where rolname = '${servicesRole}') then create role ${servicesRole} nologin; end if;
   exception when duplicate_object or unique_violation then null; end $$`,
  `do $$ begin
     if not pg_has_role(current_user, '${servicesRole}', 'SET') then execute format('grant ${servicesRole} to %I', current_user); end if;
   end $$`,
  `do $$ begin execute format('revoke all on database %I from public', current_database()); end $$`,
  'revoke all on schema public from public',
  `grant usage on schema public to ${servicesRole}`,
  `grant select, insert, update, delete on all tables in schema public to ${servicesRole}`,
  `grant usage on all sequences in schema public to ${servicesRole}`,
  `revoke update, delete, truncate on events, policies, reports, signing_keys, checkpoints, checkpoint_heads
    from ${servicesRole}`,
  `revoke insert, update, delete on mikro_orm_migrations from ${servicesRole}`,
]
