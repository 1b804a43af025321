import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createWorld, manifest, type World } from '../../support/world.ts'

let world: World
let migrationsDir: string
const add = (version: string) => {
  mkdirSync(join(migrationsDir, version))
  writeFileSync(join(migrationsDir, version, '001-table.sql'), `create table t_${version.charCodeAt(0)} (id int)`)
}
beforeAll(async () => {
  migrationsDir = mkdtempSync(join(tmpdir(), 'freehold-migrations-'))
  add('1.0.0')
  world = await createWorld({ migrationsDir })
})
afterAll(async () => {
  await world.close()
  rmSync(migrationsDir, { recursive: true, force: true })
})

it('the same manifest changes nothing once there is a newer migration set: its defaults are frozen', async () => {
  const worker = await world.worker()
  const { operation } = await world.apply('frozen')
  await world.until(operation.id, 'succeeded')
  await worker.stop()
  add('2.0.0')
  const again = await world.request('PUT', '/v1/tenants/frozen', manifest('frozen'))
  expect(again).toMatchObject({ status: 200, body: { tenant: { slug: 'frozen', generation: 1 } } })
  const changed = await world.request('PUT', '/v1/tenants/frozen', manifest('frozen', { plan: 'enterprise' }))
  expect(changed.status).not.toBe(200)
})
