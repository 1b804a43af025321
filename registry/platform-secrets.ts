import { keyedHash, open, seal } from '../crypto/envelope.ts'
import { serverAddress, type ServerAddress } from '../domain/connection-url.ts'
import { FreeholdError } from '../domain/errors.ts'
import { platformStream, type Actor, type NewEvent } from '../domain/events.ts'
import { openStates } from '../domain/operation.ts'
import type { OwnServer } from '../domain/placement.ts'
import { appendTo } from './events.ts'
import { one, type Sql } from './sql.ts'

/** What may be told of a secret. `usedBy`: environments that live on the server it leads to. */
export type KnownSecret = {
  readonly name: string
  readonly version: number
  readonly updatedBy: string
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly usedBy: readonly { readonly tenant: string; readonly environment: string }[]
}

/** Who changes a secret, and why. */
type Changer = { readonly actor: Actor; readonly correlationId: string; readonly reason?: string | undefined }
type Stored = { version: number; address: ServerAddress | null }

const context = (name: string, version: number) => `platform-secrets/${name}/${version}`

const known = `s.name, s.version, s.updated_by as "updatedBy", s.created_at as "createdAt", s.updated_at as "updatedAt",
  (select coalesce(jsonb_agg(jsonb_build_object('tenant', t.slug, 'environment', p.environment) order by t.slug, p.environment), '[]')
    from placements p join tenants t on t.id = p.tenant_id where p.server_secret = s.name and p.state <> 'released') as "usedBy"`

/** All secrets of the platform by their names, without values. */
export function listSecrets(sql: Sql): Promise<KnownSecret[]> {
  return sql<KnownSecret>({
    name: 'platform-secrets',
    text: `select ${known} from platform_secrets s order by name collate "C"`,
  })
}

/** The current value. Throws `secret_not_found`, and `secret_unreadable` when the platform key is another one. */
export async function readPlatformSecret(sql: Sql, platformKey: Buffer, name: string): Promise<string> {
  const [row] = await sql<{ version: number; sealed: Buffer }>({
    name: 'read-platform-secret',
    text: 'select version, sealed from platform_secrets where name = $1',
    values: [name],
  })
  if (row === undefined) throw secretNotFound(name)
  return open(platformKey, 'platform-secrets', context(name, row.version), row.sealed)
}

/**
 * The server that a secret leads to. Throws `secret_not_found`, and `secret_unusable` for one that holds no connection URL.
 * @param path where it is referred to
 */
export async function serverOf(sql: Sql, name: string, path: string): Promise<OwnServer> {
  const [row] = await sql<Pick<Stored, 'address'>>({
    name: 'address-of-secret',
    text: 'select address from platform_secrets where name = $1',
    values: [name],
  })
  if (row === undefined) throw secretNotFound(name, path)
  if (row.address !== null) return { ...row.address, secret: name }
  const message = `secret "${name}" holds no connection URL of a PostgreSQL server: it begins with postgresql://, names a user and one host, and has no parameter but sslmode, application_name and connect_timeout`
  throw new FreeholdError('secret_unusable', message, { details: [{ path, message }] })
}

/** For a reference to a secret that is not there. */
export function secretNotFound(name: string, path?: string): FreeholdError {
  const message = `there is no secret "${name}"; store it first: freehold secrets put ${name}`
  return new FreeholdError('secret_not_found', message, path === undefined ? {} : { details: [{ path, message }] })
}

/** Hash of a call that carries a secret, by which it can be compared and not guessed. */
export function secretCallHash(platformKey: Buffer, text: string): string {
  return keyedHash(platformKey, text)
}

/**
 * Stores a secret, or its next version, with an event that says who did and nothing of the value. Throws `secret_in_use` for a
 * value that leads elsewhere while a tenant's database is where it led so far.
 */
export async function putSecret(
  sql: Sql,
  platformKey: Buffer,
  { name, value }: { name: string; value: string },
  changer: Changer,
): Promise<{ secret: KnownSecret; created: boolean }> {
  const before = await lock(sql, name)
  const address = serverAddress(value) ?? null
  if (before !== undefined && !sameAddress(before.address, address)) await refuseWhileLivedAt(sql, name)
  const version = (before?.version ?? 0) + 1
  const sealed = seal(platformKey, 'platform-secrets', context(name, version), value)
  await sql({
    text: `insert into platform_secrets (name, version, sealed, address, updated_by) values ($1, $2, $3, $4::jsonb, $5)
      on conflict (name) do update set version = excluded.version, sealed = excluded.sealed, address = excluded.address,
        updated_by = excluded.updated_by, updated_at = now()`,
    values: [name, version, sealed, address === null ? null : JSON.stringify(address), changer.actor],
  })
  await tell(sql, 'TENANCY_SECRET_PUT', changer, { name, version })
  return { secret: await readKnown(sql, name), created: before === undefined }
}

/** Deletes a secret, and gives what it was. Throws `secret_not_found`, and `secret_in_use` while an environment lives by it. */
export async function deleteSecret(sql: Sql, name: string, changer: Changer): Promise<KnownSecret> {
  if ((await lock(sql, name)) === undefined) throw secretNotFound(name)
  const secret = await readKnown(sql, name)
  if (secret.usedBy.length > 0) throw inUse(name, secret.usedBy, 'delete and purge those tenants first')
  await sql({ text: 'delete from platform_secrets where name = $1', values: [name] })
  await tell(sql, 'TENANCY_SECRET_DELETED', changer, { name, version: secret.version })
  return secret
}

function readKnown(sql: Sql, name: string): Promise<KnownSecret> {
  return one(sql<KnownSecret>({ text: `select ${known} from platform_secrets s where name = $1`, values: [name] }))
}

/** The lock waits for whoever enters a placement that refers to the secret, and makes two puts follow each other. */
async function lock(sql: Sql, name: string): Promise<Stored | undefined> {
  await sql({ text: `select pg_advisory_xact_lock(hashtext('freehold/secrets'), hashtext($1))`, values: [name] })
  const [row] = await sql<Stored>({
    text: 'select version, address from platform_secrets where name = $1 for update',
    values: [name],
  })
  return row
}

const sameAddress = (a: ServerAddress | null, b: ServerAddress | null) => a?.host === b?.host && a?.port === b?.port

/** One whose database is not there yet may follow to another server; of one that is being made it is not known. */
async function refuseWhileLivedAt(sql: Sql, name: string): Promise<void> {
  const users = await sql<KnownSecret['usedBy'][number]>({
    text: `select t.slug as tenant, p.environment from placements p join tenants t on t.id = p.tenant_id
      where p.server_secret = $1 and p.state <> 'released' and (
        exists (select from resources r where r.tenant_id = p.tenant_id and r.environment = p.environment and r.kind = 'database')
        or exists (select from operations o where o.tenant_id = p.tenant_id and o.state = any ($2)))
      order by 1, 2`,
    values: [name, openStates],
  })
  if (users.length > 0)
    throw inUse(
      name,
      users,
      'a new value must name the same host and port, or their data would be left behind; another password or parameter may be put',
    )
}

function inUse(name: string, users: KnownSecret['usedBy'], remedy: string): FreeholdError {
  const shown = users.slice(0, 5).map(({ tenant, environment }) => `${tenant}/${environment}`)
  const more = users.length > shown.length ? `, and ${users.length - shown.length} more` : ''
  return new FreeholdError('secret_in_use', `secret "${name}" is used by ${shown.join(', ')}${more}; ${remedy}`, {
    facts: { usedBy: users },
  })
}

async function tell(
  sql: Sql,
  type: NewEvent['type'],
  { actor, correlationId, reason }: Changer,
  of: { name: string; version: number },
): Promise<void> {
  const data = { ...of, ...(reason === undefined ? {} : { reason }) }
  await appendTo(sql, platformStream, [{ type, actor, correlationId, data }])
}
