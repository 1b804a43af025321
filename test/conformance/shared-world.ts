import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import { createBusAdministration } from '../../base/bus-administration.ts'
import { busEndpoint } from '../../base/bus-endpoint.ts'
import { resourceKinds } from '../../domain/resources.ts'
import { createFolderStorage } from '../../isolation/archives/folder-storage.ts'
import { createMappers } from '../../isolation/mappers/index.ts'
import { storeOf } from '../../isolation/mappers/object-store/stores.ts'
import { testCell, testTenant } from '../integration/isolation/support.ts'
import { startTestBus } from '../support/bus.ts'
import type { ConformanceWorld } from './world.ts'

/** A profile that puts its tenants into one cell and on one bus; `newCell` makes the cell. */
export async function openSharedWorld(profile: string, newCell = testCell): Promise<ConformanceWorld> {
  const directory = mkdtempSync(join(tmpdir(), 'freehold-conformance-'))
  const [cell, bus] = await Promise.all([newCell(), startTestBus(directory)])
  mkdirSync(cell.cell.network.policies, { recursive: true })
  const { connectionString, adminConnectionString: management, ca } = bus.namespace
  const endpoint = busEndpoint(connectionString, 'the test bus')
  const access = { name: 'test', region: 'eu-north', endpoint, management, callsPerSecond: 1_000 }
  const mappers = createMappers({
    manageBus: createBusAdministration({ certificateAuthority: ca }),
    temporal: { address: inject('temporalAddress'), visibilityLagMs: 100 },
    archives: createFolderStorage(directory),
  })
  return {
    cell,
    bus,
    store: storeOf(cell.cell.objectStore),
    mappers,
    kinds: resourceKinds,
    tenant: (like) => testTenant(cell.cell, { profile, bus: access, ...like }),
    async close() {
      await Promise.all(Object.values(mappers).map((mapper) => mapper.close()))
      await Promise.all([cell.drop(), bus.stop()])
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
