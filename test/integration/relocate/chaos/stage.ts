import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serve } from '@hono/node-server'
import { bootstrapCell } from '../../../../isolation/mappers/database/bootstrap.ts'
import { moverRole } from '../../../../isolation/mappers/database/mover-needs.ts'
import { portOf } from '../../../support/proxy.ts'
import { startStatementProxy } from '../../../support/statement-proxy.ts'
import { temporaryPrefix } from '../../../support/temp-dir.ts'
import { startTenantServer } from '../../../support/tenant-server.ts'
import { testTiming } from '../../../support/timing.ts'
import { createWorld } from '../../../support/world.ts'
import { applicationSchema } from './ledger.ts'
import { startWorkers } from './workers.ts'

export type Stage = Awaited<ReturnType<typeof openStage>>

const provisioner = { provisionerRole: 'chaos', provisionerPassword: 'chaos' }
const warehouse = 'warehouse'

/**
 * An installation whose data is on a PostgreSQL server of its own, behind a network that reads statements, with a worker in a process
 * of its own and an API for services. What a server acknowledges is written, so that its crash loses nothing that it should not.
 */
export async function openStage() {
  const server = await startTenantServer(['synchronous_commit=on', 'max_replication_slots=50', 'max_wal_senders=50'])
  await bootstrapCell({ ...provisioner, adminUrl: server.adminUrl, database: warehouse })
  const proxy = await startStatementProxy(server)
  const migrationsDir = mkdtempSync(join(tmpdir(), `${temporaryPrefix}${process.pid}-`))
  mkdirSync(join(migrationsDir, '1.0.0'))
  writeFileSync(join(migrationsDir, '1.0.0', '001-application.sql'), applicationSchema)
  const { provisionerRole: role, provisionerPassword: password } = provisioner
  const world = await createWorld({
    migrationsDir,
    environment: { FREEHOLD_WAREHOUSE_URL: proxy.through(server.urlOf(role, password, warehouse)) },
    timing: {
      heartbeatMs: 2_000,
      tryMs: { ...testTiming.tryMs, copy: 20_000, cut: 15_000, prove: 15_000, revert: 15_000, release: 15_000 },
      // An operator would wait for longer than a test does; what gives up early is undone, which is tested as well.
      maximumAttempts: 6,
    },
  })
  const workers = startWorkers(world)
  const served = serve({ fetch: world.api().fetch, port: 0, hostname: '127.0.0.1' })
  await once(served, 'listening')
  if (!('listening' in served)) throw new TypeError('the API does not listen')

  return {
    world,
    server,
    proxy,
    workers,
    warehouse,
    provisioner: role,
    mover: moverRole(role),
    api: { url: `http://127.0.0.1:${portOf(served)}`, apiKey: world.key },
    async close(): Promise<void> {
      await workers.stop()
      served.close()
      if ('closeAllConnections' in served) served.closeAllConnections()
      await world.close()
      proxy.stop()
      await server.stop()
      rmSync(migrationsDir, { recursive: true, force: true })
    },
  }
}
