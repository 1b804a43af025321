import { provisionSteps } from '../../domain/steps.ts'
import { wantedResources } from '../wanted-resources.ts'
import type { Kind } from './kind.ts'

/** Makes a tenant: every resource its strategies ask for, and the schema of its databases. */
export const provision: Kind = {
  prepare(facts) {
    const specs = wantedResources(facts)
    return { specs, steps: provisionSteps(specs, facts.manifest.spec.schema.appVersion) }
  },

  async succeed(sql, { operation, tenant }) {
    await sql({
      name: 'provision-succeeded',
      text: `with opened as (
          update placements set state = case when $3 then 'suspended' else 'active' end, updated_at = now()
          where tenant_id = $1 and state = 'standby'
        )
        update tenants set observed_generation = $2 where id = $1`,
      values: [tenant.id, operation.generation, tenant.suspended],
    })
    return []
  },
}
