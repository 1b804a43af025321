import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { sqlOf } from '../../registry/pool.ts'
import { remainsOf } from './remains.ts'
import type { World } from './world.ts'

type Of = { readonly id: string; readonly code: string; readonly slug: string }

/** What says, in the registry and in the world, whether the tenant may work. */
export async function doors(world: World, { id, code, slug }: Of) {
  const admin = new pg.Client({ connectionString: world.adminUrl('warehouse') })
  await admin.connect()
  const { rows: roles } = await admin.query<{ login: boolean }>(
    'select rolcanlogin as login from pg_roles where rolname = $1',
    [`t_${code}_prod_1_app`],
  )
  await admin.end()
  const placements = await sqlOf(world.deps.orm.pool)<{ state: string }>({
    text: `select state from placements where tenant_id = $1 order by environment = 'prod' desc, environment, number`,
    values: [id],
  })
  const topic = await world.bus.administration.getTopic(`tenant-${code}-prod`)
  const { status } = await world.bus.administration.getSubscription(`tenant-${code}-prod`, 'all')
  const { sides, files } = await remainsOf(world, { id, code })
  const frozen = async (file: string | undefined) => {
    const text = file === undefined ? '{}' : await readFile(join(world.environment.FREEHOLD_STATE_DIR, file), 'utf8')
    return (JSON.parse(text) as { frozen?: boolean }).frozen
  }
  return {
    tenant: (await world.tenant(slug)).state,
    placements: placements.map(({ state }) => state),
    sides,
    login: roles.map(({ login }) => login),
    rights: topic.authorizationRules?.map(({ accessRights }) => accessRights),
    receiving: status,
    objects: await frozen(files.find((path) => path.endsWith('/prod/.freehold/area.json'))),
    network: await frozen(files.find((path) => path.endsWith('-1.json'))),
  }
}

/** Every door open, and every door closed. */
export const open = {
  tenant: 'active',
  placements: ['active'],
  sides: ['prod/1 active'],
  login: [true],
  rights: [['Send', 'Listen']],
  receiving: 'Active',
  objects: false,
  network: false,
}
export const closed = {
  tenant: 'suspended',
  placements: ['suspended'],
  sides: ['prod/1 suspended'],
  login: [false],
  rights: [['Send']],
  receiving: 'ReceiveDisabled',
  objects: true,
  network: true,
}
