import { changesOf } from '../../domain/changes.ts'
import { updateSteps } from '../../domain/steps.ts'
import { raiseConditions } from '../conditions.ts'
import { enterEnvironments, releaseDropped } from '../environments.ts'
import { readManifestOf } from '../manifests.ts'
import { takeChosen } from '../places.ts'
import { enforceManifest, isPutInForce } from '../enforce.ts'
import { wantedResources } from '../wanted-resources.ts'
import type { Kind } from './kind.ts'

/** Brings a tenant to a changed manifest. Only what differs is touched; the manifest before stays in force if it fails. */
export const update: Kind = {
  async begun(sql, { tenant }) {
    await sql({
      name: 'update-begun',
      text: `delete from conditions where tenant_id = $1 and type = 'UpdateFailed'`,
      values: [tenant.id],
    })
    return []
  },

  prepare(facts) {
    const { appVersion } = facts.manifest.spec.schema
    const changes = changesOf(wantedResources(facts), facts.ledger, appVersion)
    const specs = [...changes.create, ...changes.change.map(({ spec }) => spec)]
    return { specs, steps: updateSteps(changes, appVersion) }
  },

  async succeed(sql, held) {
    const events = await enforceManifest(sql, held)
    const { resolved } = await readManifestOf(sql, held.tenant.id, held.operation.generation)
    return [...events, ...(await releaseDropped(sql, held, resolved))]
  },

  async fail(sql, held, { code, message }) {
    const { operation, tenant } = held
    const putBack = operation.undo.filter(({ action, state }) => action === 'ensure' && state === 'undone')
    await sql({
      name: 'update-failed',
      text: `with put_back as (
          update resources set spec_before = null where tenant_id = $1 and key = any ($2)
        )
        ${raiseConditions(`values ($1::uuid, 'UpdateFailed', $3, $4)`)}`,
      values: [
        tenant.id,
        putBack.map(({ resource }) => resource),
        code,
        `generation ${operation.generation} is not in force, ${tenant.observedGeneration} is: ${message}`,
      ],
    })
    const { resolved } = await readManifestOf(sql, tenant.id, tenant.observedGeneration)
    return releaseDropped(sql, held, resolved)
  },

  noWayBack: { isReached: isPutInForce, reach: enforceManifest },

  async takePlaces(sql, platform, { operation, tenant }) {
    const { resolved } = await readManifestOf(sql, tenant.id, operation.generation)
    await takeChosen(sql, tenant.id, await enterEnvironments(sql, platform, tenant, resolved))
  },
}
