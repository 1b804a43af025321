import { changesOf } from '../domain/changes.ts'
import { assertChangeable } from '../domain/immutable.ts'
import { resolveAndJudge } from '../domain/manifest-resolve.ts'
import type { Manifest } from '../domain/manifest.ts'
import type { Platform } from '../domain/platform.ts'
import { fieldsBetween, previewChanges, type Full, type Preview } from '../domain/preview.ts'
import { updateSteps } from '../domain/steps.ts'
import { roomIn } from '../registry/capacity.ts'
import type { BusRow, CellRow } from '../registry/entities/placement.ts'
import { withSites, type SitedPlacement } from '../registry/placements.ts'
import type { Sql } from '../registry/sql.ts'
import { readSealer } from '../registry/tenant-keys.ts'
import { findTenantId } from '../registry/tenants.ts'
import { assertMayStart } from './accept.ts'
import { dropped, placesForNew, type NumberedPlace } from './environments.ts'
import { readRecords, type Records } from './facts.ts'
import { isInForce } from './in-force.ts'
import { violationsNow } from './judge.ts'
import { assertMayLose } from './legal-hold.ts'
import { contactsOf, readManifestOf } from './manifests.ts'
import { choosePlaces } from './places.ts'
import { generationInForce, readTenant, type TenantFacts } from './rows.ts'
import { kindOfChange } from './update-tenant.ts'
import { rewrittenLedger, wantedResources } from './wanted-resources.ts'

type Deps = { readonly platform: Platform; readonly platformKey: Buffer }
type Wished = Full & Pick<Preview, 'violations'>

/**
 * What applying a manifest would do, by what the operation itself would be made from; nothing is written, and the transaction of the
 * caller may be read-only. What the policy or the platform file denies is told, everything else that would refuse the manifest
 * is thrown, as `createTenant` and `updateTenant` do.
 * @param versions those of the migration source
 */
export async function previewManifest(
  sql: Sql,
  deps: Deps,
  manifest: Manifest,
  versions: readonly string[],
): Promise<Preview> {
  const wish = resolveAndJudge(manifest, deps.platform, versions)
  const id = await findTenantId(sql, manifest.metadata.slug)
  if (id === undefined) return ofNew(sql, deps, wish)
  const tenant = await readTenant(sql, id)
  const isSame = await isInForce(sql, deps.platformKey, tenant, manifest, async () => ({
    resolved: wish.resolved,
    contacts: wish.contacts,
  }))
  return isSame ? unchanged(tenant) : ofChanged(sql, deps, tenant, wish)
}

function unchanged({ slug, generation }: TenantFacts): Preview {
  return { slug, operation: null, generation, changed: false, fields: [], changes: [], violations: [] }
}

/** A tenant that does not exist has no code yet, so which cell it will be in is not known: only that there is one. */
async function ofNew(sql: Sql, { platform }: Deps, wish: Wished): Promise<Preview> {
  const { spec, metadata } = wish.resolved
  const nobody = { id: '00000000-0000-0000-0000-000000000000', code: '00000000', profile: spec.profile }
  const room = await roomIn(sql, spec.region)
  const chosen = await choosePlaces(sql, platform, { ...spec, ...nobody }, room)
  const places = chosen.map((place) => ({ ...place, number: 1 }))
  const placements = await sited(sql, platform, { ...nobody, plan: spec.plan }, places)
  const wanted = wantedResources({ tenant: nobody, manifest: wish.resolved, placements, platform })
  const { appVersion } = spec.schema
  const changes = changesOf(wanted, [], appVersion)
  return {
    slug: metadata.slug,
    operation: 'provision',
    generation: 1,
    changed: true,
    fields: [],
    changes: previewChanges(changes, updateSteps(changes, appVersion), { isNew: true, appVersion }),
    violations: await objections(sql, 'provision', wish),
  }
}

async function ofChanged(
  sql: Sql,
  { platform, platformKey }: Deps,
  tenant: TenantFacts,
  wish: Wished,
): Promise<Preview> {
  const kind = kindOfChange(tenant)
  await assertMayStart(sql, kind, tenant)
  const current = await readManifestOf(sql, tenant.id, generationInForce(tenant))
  assertChangeable(current.resolved, wish.resolved, { wasMade: kind === 'update' })
  if (kind === 'update') await assertMayLose(sql, tenant, await dropped(sql, tenant, wish.resolved))
  const sealer = await readSealer(sql, platformKey, tenant.id)
  const { plan, schema } = wish.resolved.spec
  const of = { id: tenant.id, generation: current.number, plan }
  const records: Records = { ...(await readRecords(sql, platform, of)), manifest: wish.resolved }
  const places = await placesForNew(sql, platform, tenant, wish.resolved)
  const placements = [...records.placements, ...(await sited(sql, platform, { ...tenant, plan }, places))]
  const facts = { ...records, placements, tenant, platform }
  const { ledger } = rewrittenLedger({ ...facts, manifest: current.resolved })
  const changes = changesOf(wantedResources(facts), ledger, schema.appVersion)
  const { appVersion } = schema
  return {
    slug: tenant.slug,
    operation: kind,
    generation: tenant.generation + 1,
    changed: true,
    fields: fieldsBetween({ resolved: current.resolved, contacts: contactsOf(sealer, current) }, wish),
    changes: previewChanges(changes, updateSteps(changes, appVersion), { isNew: false, appVersion }),
    violations: await objections(sql, kind, wish),
  }
}

async function objections(sql: Sql, command: 'provision' | 'update', { resolved, violations }: Wished) {
  return [...violations, ...(await violationsNow(sql, { command, manifest: resolved })).violations]
}

/** Placements that nobody has entered, as they would be. */
async function sited(
  sql: Sql,
  platform: Platform,
  { profile, plan }: { profile: string; plan: string },
  places: readonly NumberedPlace[],
): Promise<SitedPlacement[]> {
  if (places.length === 0) return []
  const rows = await sql<{ cells: CellRow[]; buses: BusRow[] }>({
    text: `select (select coalesce(jsonb_agg(to_jsonb(c)), '[]') from cells c where name = any ($1)) as cells,
      (select coalesce(jsonb_agg(to_jsonb(b)), '[]') from buses b where name = any ($2)) as buses`,
    values: [places.map(({ cell }) => cell), places.flatMap(({ bus }) => (bus === null ? [] : [bus]))],
  })
  const [{ cells, buses } = { cells: [], buses: [] }] = rows
  const found = places.flatMap((place) => {
    const cell = cells.find(({ name }) => name === place.cell)
    const bus = buses.find(({ name }) => name === place.bus) ?? null
    const placement = { ...place, profile, state: 'standby' as const, epoch: 1 }
    return cell === undefined ? [] : [{ placement, cell, bus }]
  })
  return withSites(found, platform, plan)
}
