import { databaseNames } from '../../domain/names.ts'
import { resourceKey, type ResourceKind, type ResourceSpec } from '../../domain/resources.ts'
import { topology } from '../../domain/topology.ts'
import type { JsonObject } from '../../domain/json.ts'
import type { StrategyInput } from '../strategy.ts'

/** Shared profile: a schema in the cell's warehouse, a prefix in the shared container, secrets under the tenant's key. */
export function mtStandard({ tenant, placement, cell, plan }: StrategyInput): ResourceSpec[] {
  const { environment, number } = placement
  const where = topology(tenant, placement, cell)
  const names = databaseNames(tenant.code, environment, number)
  const resource = (
    kind: ResourceKind,
    name: string,
    properties: JsonObject,
    after: ResourceKind[] = [],
  ): ResourceSpec => ({
    key: resourceKey(environment, kind),
    kind,
    environment,
    placement: number,
    cell: cell.name,
    name,
    after: after.map((other) => resourceKey(environment, other)),
    properties,
  })
  return [
    resource('secrets', where.secrets.prefix, { key: where.secrets.key }),
    resource(
      'database',
      `${where.database.database}.${names.schema}`,
      { ...names, passwordSecret: where.database.passwordSecret, connectionLimit: plan.databaseConnections },
      ['secrets'],
    ),
    resource(
      'object-store',
      `${where.objectStore.container}/${where.objectStore.prefix}`,
      { ...where.objectStore, signingKeySecret: `${where.secrets.prefix}object-store` },
      ['secrets'],
    ),
  ]
}
