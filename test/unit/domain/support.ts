import { FreeholdError } from '../../../domain/errors.ts'
import { platformSchema } from '../../../domain/platform.ts'

/** The least manifest; `spec` and `metadata` are further lines of YAML, indented by two. */
export function manifestText({ slug = 'acme', name = 'Acme', metadata = '', spec = '' } = {}): string {
  return `apiVersion: freehold.dev/v1alpha1
kind: Tenant
metadata:
  slug: ${slug}
  name: ${name}
${metadata}spec:
  plan: team
  region: eu-west
${spec}`
}

/** A platform with one plan, one region and one cell. */
export const platform = platformSchema.parse({
  regions: [{ name: 'eu-west', residency: 'eu' }],
  plans: [
    {
      name: 'team',
      weight: 1,
      databaseConnections: 5,
      quotas: { storageGiB: 10, requestsPerSecond: 50, concurrentTasks: 4 },
    },
  ],
  cells: [
    {
      name: 'cell-a',
      region: 'eu-west',
      profiles: ['mt-standard'],
      capacity: 10,
      database: { credential: 'env:CELL_A' },
      objectStore: { root: '/data' },
    },
  ],
})

/** The FreeholdError that `run` throws; anything else that happens fails the test. */
export function failureOf(run: () => unknown): FreeholdError {
  try {
    run()
  } catch (error) {
    if (error instanceof FreeholdError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
