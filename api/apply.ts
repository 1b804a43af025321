import { FreeholdError } from '../domain/errors.ts'
import { resolveManifest } from '../domain/manifest-resolve.ts'
import type { Manifest } from '../domain/manifest.ts'
import { createTenant } from '../operations/create-tenant.ts'
import { isInForce } from '../operations/in-force.ts'
import type { Wish } from '../operations/manifests.ts'
import { updateTenant } from '../operations/update-tenant.ts'
import type { Sql } from '../registry/sql.ts'
import { findTenantId } from '../registry/tenants.ts'
import { currentTenantView, operationAnswer } from './answers.ts'
import { lockNamed, type Accepted, type Call } from './command.ts'
import type { ApiDeps } from './deps.ts'
import type { OperationView, TenantView } from './views.ts'

/** A manifest as it came. */
export type Given = { readonly manifest: Manifest; readonly text: string }
type Created = { tenant: TenantView; operation: OperationView }
type Applied = { tenant: TenantView; operation: OperationView | null; changed: boolean }

/** Accepts a manifest of a tenant that does not exist. Throws what `resolveManifest` and `createTenant` throw. */
export async function create(sql: Sql, deps: ApiDeps, call: Call, given: Given): Promise<Accepted<Created>> {
  const operation = await createTenant(sql, deps, await resolved(deps, given), call)
  const tenant = await currentTenantView(sql, operation.tenant)
  const answer = operationAnswer(deps, tenant, operation, 'start')
  return { ...answer, body: { tenant, operation: answer.body.operation } }
}

/**
 * Accepts a manifest: creates the tenant when the slug is new, updates it when the manifest is another one, and changes nothing
 * when it is in force. Throws what `resolveManifest`, `createTenant` and `updateTenant` throw.
 */
export async function apply(sql: Sql, deps: ApiDeps, call: Call, given: Given): Promise<Accepted<Applied>> {
  const { slug } = given.manifest.metadata
  const found = await findTenantId(sql, slug)
  if (found === undefined) {
    if (call.ifMatch !== undefined)
      throw new FreeholdError(
        'generation_mismatch',
        `If-Match asks for a tenant that is there, and there is no tenant "${slug}"`,
      )
    const created = await create(sql, deps, call, given)
    return { ...created, body: { ...created.body, changed: true } }
  }
  const tenant = await lockNamed(sql, call, found)
  const isSame = await isInForce(sql, deps.platformKey, tenant, given.manifest, () => resolved(deps, given, tenant.id))
  if (isSame) {
    const view = await currentTenantView(sql, tenant.id)
    return { status: 200, headers: {}, body: { tenant: view, operation: null, changed: false } }
  }
  const operation = await updateTenant(sql, deps, tenant, await resolved(deps, given, tenant.id), call)
  const answer = operationAnswer(deps, tenant, operation, 'start')
  const view = await currentTenantView(sql, tenant.id)
  return { ...answer, body: { tenant: view, operation: answer.body.operation, changed: true } }
}

async function resolved({ platform, migrations }: ApiDeps, given: Given, tenantId?: string): Promise<Wish> {
  return { ...given, ...resolveManifest(given.manifest, platform, await migrations.versions(), tenantId) }
}
