import { databaseNames, databasePasswordSecret, objectPrefix, secretPrefix } from './names.ts'
import type { Cell, Placement } from './placement.ts'

/** Where the resources of one environment are, as every downstream service is told. References only, no credentials. */
export type Topology = ReturnType<typeof topology>

/** A pure function of tenant, placement and cell: the one place that knows how physical names are built for mt-standard. */
export function topology(tenant: { code: string }, placement: Pick<Placement, 'environment' | 'number'>, cell: Cell) {
  const { code } = tenant
  const { environment, number } = placement
  const names = databaseNames(code, environment, number)
  return {
    database: {
      cell: cell.name,
      host: cell.database.host,
      port: cell.database.port,
      database: cell.database.name,
      schema: names.schema,
      role: names.appRole,
      passwordSecret: databasePasswordSecret(code, environment, number),
    },
    objectStore: { cell: cell.name, container: cell.objectStore.container, prefix: objectPrefix(code, environment) },
    secrets: { prefix: secretPrefix(code, environment), key: 'tenant-key' },
  }
}
