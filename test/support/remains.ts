import { readdirSync } from 'node:fs'
import pg from 'pg'
import { expect } from 'vitest'
import type { World } from './world.ts'

type Of = { readonly id: string; readonly code: string }

/** All that there is of a tenant, in the world and in the ledger. */
export type Remains = {
  /** Of its own. */
  databases: string[]
  schemas: string[]
  roles: string[]
  /** Sides that are not retired, as `<environment>/<number> <state>`. */
  sides: string[]
  topics: string[]
  /** Folders and files of objects and policies that carry its code, below the state directory. */
  files: string[]
  /** Resources of the ledger, as `<key> <state>`. */
  ledger: string[]
  secrets: string[]
  /** Topics that are told of its events. */
  deliveries: string[]
}

export const nothing: Remains = {
  databases: [],
  schemas: [],
  roles: [],
  sides: [],
  topics: [],
  files: [],
  ledger: [],
  secrets: [],
  deliveries: [],
}

/** What a tenant with this one environment, in a placement of this number, has from its first step to its removal. */
export function whole({ code }: Of, environment = 'prod', side = 'active', number = 1): Remains {
  const names = `t_${code}_${environment}`
  const at = (key: string) => `${environment}/${key} present`
  return {
    databases: [],
    schemas: [names],
    roles: [`${names}_${number}_app`, `${names}_${number}_owner`],
    sides: [`${environment}/${number} ${side}`],
    topics: [`tenant-${code}-${environment}`],
    files: expect.arrayContaining([
      expect.stringContaining(`tenants/${code}/${environment}/`),
      expect.stringMatching(`${code}.*\\.json$`),
    ]) as string[],
    ledger: [`${number}/database`, `${number}/network`, 'object-store', 'runtime', 'secrets', 'topic'].map(at),
    secrets: expect.arrayContaining([expect.stringContaining(code)]) as string[],
    deliveries: [`topic/${environment}/topic`],
  }
}

/** The same of one with several environments. */
export function wholeOf(tenant: Of, environments: readonly string[], side = 'active'): Remains {
  return joined(environments.map((name) => whole(tenant, name, side)))
}

/** What several environments have together. */
export function joined(all: readonly Remains[]): Remains {
  const lists = (of: keyof Remains) => all.flatMap((one) => one[of]).toSorted()
  const [one] = all as readonly [Remains]
  return {
    ...one,
    schemas: lists('schemas'),
    roles: lists('roles'),
    sides: lists('sides'),
    topics: lists('topics'),
    ledger: lists('ledger'),
    deliveries: lists('deliveries'),
  }
}

/** Looks at all that there is of a tenant; what a verb has left half-made shows up too. */
export async function remainsOf(world: World, { id, code }: Of): Promise<Remains> {
  const [{ databases, schemas, roles, sides }, { ledger, secrets, deliveries }, topics] = await Promise.all([
    texts(world.adminUrl('warehouse'), {
      databases: ['select datname::text from pg_database where datname like $1', `warehouse\\_${code}\\_%`],
      schemas: ['select nspname::text from pg_namespace where nspname like $1', `t\\_${code}\\_%`],
      roles: ['select rolname::text from pg_roles where rolname like $1', `t\\_${code}\\_%`],
      sides: [
        `select environment || '/' || number || ' ' || state from tenancy.placement where tenant = $1 and state <> 'retired'`,
        id,
      ],
    }),
    texts(world.adminUrl('registry'), {
      ledger: [`select key || ' ' || state from resources where tenant_id = $1`, id],
      secrets: ['select name from secrets where tenant_id = $1', id],
      deliveries: [`select destination from deliveries where stream = $1 and destination <> 'governance'`, id],
    }),
    world.bus.topics(),
  ])
  const files = filesBelow(world.environment.FREEHOLD_STATE_DIR)
    .filter((path) => !path.startsWith('service-bus') && path.includes(code))
    .toSorted((a, b) => a.localeCompare(b))
  return {
    databases,
    schemas,
    roles,
    sides,
    topics: topics.filter((name) => name.includes(code)),
    files,
    ledger,
    secrets,
    deliveries,
  }
}

/** Every file and folder; read again when a folder of somebody else goes meanwhile. */
function filesBelow(folder: string): string[] {
  for (;;)
    try {
      return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
}

/** What each statement gives, a text a row, ascending. */
async function texts<K extends string>(url: string, statements: Record<K, [text: string, value: string]>) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const found: [string, string[]][] = []
    for (const [name, [text, value]] of Object.entries<[string, string]>(statements)) {
      const { rows } = await client.query<[string]>({ text: `${text} order by 1`, values: [value], rowMode: 'array' })
      found.push([name, rows.map(([one]) => one)])
    }
    return Object.fromEntries(found) as Record<K, string[]>
  } finally {
    await client.end()
  }
}

/** How often each type is in a tenant's events. */
export async function eventCounts(world: World, { id }: Pick<Of, 'id'>): Promise<Record<string, number>> {
  const rows = await world.deps.orm.em
    .fork()
    .execute<{ type: string; count: number }[]>(
      'select type, count(*)::int as count from events where stream = ? group by type order by type',
      [id],
    )
  return Object.fromEntries(rows.map(({ type, count }) => [type, count]))
}
