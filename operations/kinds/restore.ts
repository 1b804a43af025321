import { restoreSteps } from '../../domain/archive-steps.ts'
import { FreeholdError } from '../../domain/errors.ts'
import { followEpochs, openPlacements } from '../doors.ts'
import { enterEnvironments, releaseEnvironments } from '../environments.ts'
import { readManifestOf } from '../manifests.ts'
import { takeChosen } from '../places.ts'
import { reportOn } from '../report-archive.ts'
import { wantedResources } from '../wanted-resources.ts'
import type { Facts, Kind } from './kind.ts'

/**
 * Brings an archived tenant back, at new places: everything is made anew and closed, filled, and compared with the archive; and
 * only then it is opened, unless it was suspended. What fails is removed again, and the archive stays as it is, in any case.
 */
export const restore: Kind = {
  summary: 'Bring an archived tenant back, at a place of its own again, and prove that it is what was archived',
  takesCell: true,

  begun: (sql, held) => followEpochs(sql, held),
  prepare(facts) {
    const specs = wantedResources(facts)
    return { specs, steps: restoreSteps(specs, archivesOf(facts)) }
  },

  async succeed(sql, held) {
    const { operation } = held
    const archives = new Set(operation.steps.flatMap(({ archive }) => archive ?? []))
    return [await reportOn(sql, held, [...archives]), ...(await openPlacements(sql, held, 'standby'))]
  },

  async fail(sql, held) {
    // One of which something is left keeps its place, where a retry finds it.
    const free = await sql<{ environment: string }>({
      name: 'without-leftovers',
      text: `select distinct environment from placements p where tenant_id = $1 and state <> 'released' and not exists (
        select from resources r where r.tenant_id = $1 and r.environment = p.environment and r.kind <> 'archive')`,
      values: [held.tenant.id],
    })
    return releaseEnvironments(
      sql,
      held,
      free.map(({ environment }) => environment),
    )
  },

  async takePlaces(sql, platform, { operation, tenant }) {
    const { resolved } = await readManifestOf(sql, tenant.id, operation.generation)
    const { cell } = operation.parameters
    await takeChosen(
      sql,
      tenant.id,
      await enterEnvironments(sql, platform, tenant, resolved, typeof cell === 'string' ? cell : undefined),
    )
  },
}

/** The newest sound archive of each environment. Throws `archive_damaged` for an environment that has none. */
function archivesOf({ ledger, manifest, tenant }: Facts): Map<string, string> {
  const sound = ledger
    .filter(({ spec, facts }) => spec.kind === 'archive' && facts['manifest'] !== undefined)
    .toSorted((a, b) => a.spec.placement - b.spec.placement)
  const newest = new Map(sound.map(({ key, spec }) => [spec.environment, key]))
  const missing = manifest.spec.environments.find(({ name }) => !newest.has(name))
  if (missing === undefined) return newest
  throw new FreeholdError('archive_damaged', `there is no archive of environment ${missing.name} of ${tenant.slug}`)
}
