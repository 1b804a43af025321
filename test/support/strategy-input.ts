import type { StrategyInput } from '../../isolation/strategy.ts'

const quotas = { storageGiB: 1, requestsPerSecond: 1, concurrentTasks: 3 }

/** What a strategy is given for one placement, the first of prod, in a cell without a bus. */
export function strategyInput(placement: { profile: string } & Partial<StrategyInput['placement']>): StrategyInput {
  return {
    tenant: { id: 'tenant-1', code: 'k3f9x2ab' },
    placement: { environment: 'prod', number: 1, segment: null, ...placement },
    site: {
      cell: {
        name: 'cell-1',
        region: 'eu-north',
        database: { host: 'db.example', port: 5432, name: 'warehouse_shared' },
        objectStore: { kind: 'file-system', root: '/srv', container: 'data-shared' },
        runtime: { namespace: 'workloads', taskQueue: 'work' },
        network: { policies: '/policies' },
      },
      bus: undefined,
      weight: 1,
    },
    plan: { name: 'pro', weight: 1, databaseConnections: 5, quotas },
    quotas,
  }
}
