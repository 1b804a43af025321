import { archiveSpec, archiveSteps, releaseSteps } from '../../domain/archive-steps.ts'
import { removalSteps, thawSteps } from '../../domain/steps.ts'
import { fencePlacements, openPlacements } from '../doors.ts'
import { releaseEnvironments } from '../environments.ts'
import { reportOn } from '../report-archive.ts'
import type { LockedOperation } from '../rows.ts'
import { presentOf, type Facts, type Kind } from './kind.ts'

/**
 * Moves a tenant to cold storage: everything is closed, exported and read back; and once that is proven to be sound, it is
 * removed, and the tenant's places are free. What fails before opens the tenant again.
 */
export const archive: Kind = {
  summary: 'Move a tenant to cold storage: closed, exported, read back, and only then removed; restore brings it back',

  begun: async (sql, held) => (isReached(held) ? [] : fencePlacements(sql, held)),
  prepare(facts) {
    const specs = archivesOf(facts)
    const ledger = facts.ledger.map(({ spec }) => spec)
    const steps = isReached(facts) ? releaseSteps(specs, ledger) : archiveSteps(specs, ledger)
    return { specs, steps }
  },

  undo({ ledger, operation, tenant }) {
    const unfinished = ledger.filter(({ spec, createdBy }) => spec.kind === 'archive' && createdBy === operation.id)
    const wasOpen = operation.stateBefore === 'active' && !tenant.suspended
    return [...(wasOpen ? thawSteps(presentOf(ledger)) : []), ...removalSteps(unfinished.map(({ spec }) => spec))]
  },
  fail: (sql, held) =>
    held.operation.stateBefore === 'active' ? openPlacements(sql, held, 'suspended') : Promise.resolve([]),

  noWayBack: {
    isReached,
    async reach(sql, held) {
      const { operation } = held
      if (isReached(held)) return []
      await sql({
        name: 'archive-is-sound',
        text: `update operations set result = jsonb_build_object('archives', $2::jsonb) where id = $1`,
        values: [operation.id, JSON.stringify(operation.steps.flatMap(verified))],
      })
      return []
    },
  },

  async succeed(sql, held) {
    return [await reportOn(sql, held, archivesIn(held)), ...(await releaseEnvironments(sql, held))]
  },
}

/** Whether the archives are proven to be sound, so that it only goes forward. */
function isReached(held: Pick<LockedOperation, 'operation'>): boolean {
  return archivesIn(held).length > 0
}

/** Keys of the archives that are proven to be sound. */
function archivesIn({ operation }: Pick<LockedOperation, 'operation'>): string[] {
  const known = operation.result?.['archives']
  return Array.isArray(known) ? known.filter((key) => typeof key === 'string') : []
}

/** Of each environment in force; what an update has left of another is removed with the rest. */
function archivesOf({ tenant, placements, manifest }: Pick<Facts, 'tenant' | 'placements' | 'manifest'>) {
  const names = new Set(manifest.spec.environments.map(({ name }) => name))
  return placements
    .filter(({ environment }) => names.has(environment))
    .map((placement) => archiveSpec(tenant.code, placement))
}

function verified({ action, resource }: { action: string; resource: string }): string[] {
  return action === 'verify' ? [resource] : []
}
