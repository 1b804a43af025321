import type { ResourceKind } from '../../domain/resources.ts'
import type { Mapper } from '../../isolation/mapper.ts'
import type { Mappers } from '../../isolation/mappers/index.ts'
import type { ObjectStore } from '../../isolation/mappers/object-store/port.ts'
import type { TestCell, TestTenant } from '../integration/isolation/support.ts'
import type { TestBus } from '../support/bus.ts'

/** Everything a profile works with, made for one file of cases. */
export type ConformanceWorld = {
  readonly cell: TestCell
  readonly bus: TestBus
  readonly store: ObjectStore
  readonly mappers: Mappers
  /** The kinds of resources that the profile gives to a tenant. */
  readonly kinds: readonly ResourceKind[]
  /** A tenant of the profile that nothing exists of yet; one with the names of `like` when that is given. */
  tenant(like?: Pick<TestTenant, 'code' | 'secrets'>): TestTenant
  close(): Promise<void>
}

/** Kinds that have a door of their own. Secrets are given out by the API alone, and work by whoever asks for the state. */
export const doors: readonly ResourceKind[] = ['database', 'object-store', 'network', 'topic']

/** Kinds that remember a removal, so that who is late makes nothing. A bus and a folder have no place for that. */
export const remembering: readonly ResourceKind[] = ['database']

/** Kinds whose names could be another's already. A share of the runtime is found by the tenant's id. */
export const named: readonly ResourceKind[] = ['database', 'object-store', 'network', 'topic', 'secrets', 'archive']

/** The mapper of a kind, for cases that are the same for all. */
export function mapperOf({ mappers }: ConformanceWorld, kind: ResourceKind): Mapper {
  return mappers[kind]
}

/** Makes everything that a tenant has. */
export async function provision(world: ConformanceWorld, tenant: TestTenant): Promise<void> {
  await Promise.all(world.kinds.map((kind) => mapperOf(world, kind).ensure(tenant.target(kind))))
}
