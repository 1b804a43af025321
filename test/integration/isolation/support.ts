import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { inject } from 'vitest'
import { newCode, newPassword } from '../../../crypto/tokens.ts'
import { archiveSpec } from '../../../domain/archive-steps.ts'
import type { ResourceKind, ResourceSpec } from '../../../domain/resources.ts'
import type { BusAccess, CellAccess, Target, TenantSecrets } from '../../../isolation/mapper.ts'
import { bootstrapCell } from '../../../isolation/mappers/database/bootstrap.ts'
import type { DatabaseMapper } from '../../../isolation/mappers/database/mapper.ts'
import { startTenantServer } from '../../support/tenant-server.ts'
import { resourcesOf } from '../../../isolation/strategies/by-profile.ts'
import { dropReplication } from '../../support/replication-left.ts'
import { memorySecrets } from '../../support/memory-secrets.ts'

export type TestTenant = {
  readonly id: string
  readonly code: string
  readonly secrets: TenantSecrets
  /** The resource of this kind at this epoch, under a claim later than all before. */
  target<K extends ResourceKind>(kind: K, epoch?: number, changes?: Partial<Target<K>>): Target<K>
}

let claims = 0

/** A cell with a database, a provisioner and an object root of its own. */
export async function testCell() {
  const suffix = randomBytes(4).toString('hex')
  const adminUrl = inject('postgresUrl')
  const database = `warehouse_${suffix}`
  const provisionerRole = `provisioner_${suffix}`
  const provisionerPassword = newPassword()
  const bootstrap = { adminUrl, database, provisionerRole, provisionerPassword }
  await bootstrapCell(bootstrap)
  const urlOf = (user: string, password: string, name = database) => {
    const url = new URL(adminUrl)
    Object.assign(url, { username: user, password, pathname: `/${name}` })
    return url.href
  }
  const { hostname, port } = new URL(adminUrl)
  const root = await mkdtemp(join(tmpdir(), 'freehold-objects-'))
  const cell: CellAccess = {
    name: `cell-${suffix}`,
    region: 'eu-north',
    database: { host: hostname, port: Number(port), name: database },
    objectStore: { kind: 'file-system', root, container: 'data-shared' },
    runtime: { namespace: 'workloads', taskQueue: 'work' },
    network: { policies: join(root, 'network') },
    provisionerUrl: urlOf(provisionerRole, provisionerPassword),
  }
  const inside = new URL(adminUrl)
  inside.pathname = `/${database}`
  const admin = new pg.Pool({ connectionString: inside.href, max: 2, allowExitOnIdle: true })
  admin.on('error', () => {})
  const others: pg.Pool[] = []

  /** The superuser in another database of the cluster. */
  function adminIn(name: string): pg.Pool {
    if (name === database) return admin
    const pool = new pg.Pool({
      connectionString: Object.assign(new URL(adminUrl), { pathname: `/${name}` }).href,
      max: 2,
    })
    pool.on('error', () => {})
    others.push(pool)
    return pool
  }

  /** Forgets a cell for good: its roles are cluster-wide and would stay behind the database. */
  async function drop(): Promise<void> {
    const { rows } = await admin.query<{ role: string }>(
      `select r.rolname as role from pg_auth_members m join pg_roles r on r.oid = m.roleid join pg_roles p on p.oid = m.member
       where p.rolname = $1 and r.rolname not like 'pg\\_%' group by 1`,
      [provisionerRole],
    )
    await Promise.all([admin, ...others].map((pool) => pool.end()))
    const cluster = new pg.Client({ connectionString: adminUrl })
    await cluster.connect()
    const owned = await cluster.query<{ name: string }>(
      'select datname as name from pg_database d join pg_roles r on r.oid = d.datdba where rolname = $1',
      [provisionerRole],
    )
    await dropReplication(
      adminUrl,
      owned.rows.map(({ name }) => name),
    )
    for (const { name } of owned.rows) await cluster.query(`drop database if exists "${name}" with (force)`)
    // What the mover may set is of the cluster, too.
    for (const { role } of rows) await cluster.query(`drop owned by "${role}"`)
    for (const { role } of rows) await cluster.query(`drop role if exists "${role}"`)
    await cluster.query(`drop role if exists ${provisionerRole}`)
    await cluster.end()
    await rm(root, { recursive: true, force: true })
  }

  return { cell, bootstrap, admin, adminIn, urlOf, drop }
}
export type TestCell = Awaited<ReturnType<typeof testCell>>

/** A cell whose tenants bring a server of their own: what is asked of the database is asked of that server. */
export async function testByocCell(): Promise<TestCell> {
  const [home, server] = await Promise.all([testCell(), startTenantServer()])
  const { admin, adminIn, adminUrl, database, role, password, urlOf, url } = server
  return {
    cell: { ...home.cell, database: { ...home.cell.database, name: database }, server: { secret: 'test-server', url } },
    bootstrap: { adminUrl, database, provisionerRole: role, provisionerPassword: password },
    admin,
    adminIn,
    urlOf,
    async drop() {
      await Promise.all([home.drop(), server.stop()])
    },
  }
}

/** A tenant that exists in no registry, with the resources the shared profile gives it. */
export function testTenant(
  cell: CellAccess,
  {
    connections = 5,
    bus,
    profile = 'mt-standard',
    number = 1,
    id = randomUUID(),
    code = newCode(),
    secrets = memorySecrets(),
  }: Partial<Pick<TestTenant, 'id' | 'code' | 'secrets'>> & {
    connections?: number
    bus?: BusAccess
    profile?: string
    /** Of the placement. */
    number?: number
  } = {},
): TestTenant {
  const quotas = { storageGiB: 1, requestsPerSecond: 1, concurrentTasks: 1 }
  const server =
    cell.server === undefined
      ? null
      : { secret: cell.server.secret, host: '127.0.0.1', port: Number(new URL(cell.server.url).port) }
  const specs = resourcesOf({
    tenant: { id, code },
    placement: { environment: 'prod', number, profile, segment: '10.64.0.64/26', server },
    site: { cell, bus, weight: 1 },
    plan: { name: 'pro', weight: 1, databaseConnections: connections, quotas },
    quotas,
  })
  specs.push(archiveSpec(code, { environment: 'prod', number, cell: cell.name }))
  const specOf = <K extends ResourceKind>(kind: K): ResourceSpec<K> => {
    const spec = specs.find((one): one is ResourceSpec<K> & typeof one => one.kind === kind)
    if (spec === undefined) throw new Error(`no resource of kind ${kind}`)
    return spec
  }
  return {
    id,
    code,
    secrets,
    target: (kind, epoch = 1, changes = {}) => ({
      spec: specOf(kind),
      tenantId: id,
      epoch,
      fence: (claims += 1),
      birth: 'active',
      signal: new AbortController().signal,
      timeoutMs: 30_000,
      cell,
      bus,
      secrets,
      ...changes,
    }),
  }
}

/** Names of the tenant in the database. */
export const namesOf = (tenant: TestTenant) => tenant.target('database').spec.properties

/** Database that the schema of the tenant is in. */
export const databaseOf = (tenant: TestTenant, { cell }: TestCell) => namesOf(tenant).ownDatabase ?? cell.database.name

/** Logs in as the tenant's app role; the caller ends the connection. */
export async function loginAs(tenant: TestTenant, cell: TestCell, database = databaseOf(tenant, cell)) {
  const { appRole, passwordSecret } = namesOf(tenant)
  const password = (await tenant.secrets.read(passwordSecret)) ?? ''
  const client = new pg.Client({ connectionString: cell.urlOf(appRole, password, database) })
  client.on('error', () => {})
  await client.connect()
  return client
}

/** Runs statements as the tenant's app role, over a connection of their own, and gives the rows of the last. */
export async function queryAs(tenant: TestTenant, cell: TestCell, sql: string): Promise<unknown[]> {
  const client = await loginAs(tenant, cell)
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

/** SQLSTATE or code that the work fails with; 'done' when it does not. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
  )
}

/** A tenant with a database that this mapper has made. */
export async function ensuredTenant(
  mapper: DatabaseMapper,
  { cell }: TestCell,
  connections?: number,
): Promise<TestTenant> {
  const tenant = testTenant(cell, connections === undefined ? {} : { connections })
  await mapper.ensure(tenant.target('database'))
  return tenant
}
