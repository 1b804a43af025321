import { provisionSteps, removalSteps } from '../../domain/steps.ts'
import { openPlacements } from '../doors.ts'
import { releaseDropped } from '../environments.ts'
import { readManifestOf } from '../manifests.ts'
import { tellManifest } from '../enforce.ts'
import { wantedResources } from '../wanted-resources.ts'
import type { Kind } from './kind.ts'

/** Makes a tenant: every resource its strategies ask for, and the schema of its databases. */
export const provision: Kind = {
  prepare(facts) {
    const specs = wantedResources(facts)
    const keys = new Set(specs.map(({ key }) => key))
    // What an earlier try with another manifest has left behind.
    const left = facts.ledger.filter(({ key }) => !keys.has(key)).map(({ spec }) => spec)
    return { specs, steps: [...provisionSteps(specs, facts.manifest.spec.schema.appVersion), ...removalSteps(left)] }
  },

  async succeed(sql, held) {
    const { operation, tenant } = held
    await tellManifest(sql, tenant.id, operation.generation)
    const { resolved } = await readManifestOf(sql, tenant.id, operation.generation)
    // What the manifest does not name is not opened, but given back.
    const released = await releaseDropped(sql, held, resolved)
    return [...(await openPlacements(sql, held, 'standby')), ...released]
  },
}
