import { provisionSteps } from '../../domain/steps.ts'
import { openPlacements } from '../doors.ts'
import { wantedResources } from '../wanted-resources.ts'
import type { Kind } from './kind.ts'

/** Makes a tenant: every resource its strategies ask for, and the schema of its databases. */
export const provision: Kind = {
  prepare(facts) {
    const specs = wantedResources(facts)
    return { specs, steps: provisionSteps(specs, facts.manifest.spec.schema.appVersion) }
  },

  async succeed(sql, held) {
    const { operation, tenant } = held
    await sql({
      name: 'provision-succeeded',
      text: 'update tenants set observed_generation = $2 where id = $1',
      values: [tenant.id, operation.generation],
    })
    return openPlacements(sql, held, 'standby')
  },
}
