import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { freePorts } from '../../../local/ports.ts'
import { startPostgres } from '../../../local/postgres/server.ts'
import { startTemporal } from '../../../local/temporal/server.ts'
import { composeWith, imageEnvironment, wantedVariables } from '../../support/containers.ts'
import { leaks } from '../../support/leaks.ts'
import { startService } from '../../support/service.ts'
import { temporaryPrefix } from '../../support/temp-dir.ts'

/**
 * What docker-compose.yml does, without containers: its own commands with its own variables, on servers that know nothing
 * of Freehold. Only addresses and folders are others.
 */
const passwords = Object.fromEntries(
  wantedVariables().map((name, at) => [name, `${at}planted${at}secret${at}of${at}24`]),
)
const { services } = composeWith(passwords)
const undo: (() => Promise<unknown> | void)[] = []
let folder: string
let replaced: (readonly [string, string])[]

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), `${temporaryPrefix}${process.pid}-`))
  undo.push(() => rmSync(folder, { recursive: true, force: true }))
  const [database = 0, temporal = 0, amqp = 0, admin = 0] = await freePorts(4)
  const password = passwords['POSTGRES_PASSWORD'] ?? ''
  const [postgresServer, temporalServer] = await Promise.all([
    startPostgres({ stateDir: folder, port: database, password, maxConnections: 100, fsync: false, log: () => {} }),
    startTemporal({ binary: inject('temporalBinary'), stateDir: folder, port: temporal, keepState: false }),
  ])
  undo.push(postgresServer.stop, temporalServer.stop)
  replaced = [
    ['postgres:5432', `127.0.0.1:${database}`],
    ['temporal:7233', `127.0.0.1:${temporal}`],
    ['/var/lib/freehold', folder],
    ['/freehold/.compiled', join(folder, 'compiled')],
    ['0.0.0.0', '127.0.0.1'],
    ['5672', String(amqp)],
    ['5300', String(admin)],
  ]
})
afterAll(async () => {
  for (const step of undo.toReversed()) await step()
})

/** The variables of a service of the file, with the addresses and folders of this test. */
function variablesOf(name: string): Record<string, string> {
  const given = { ...imageEnvironment(), ...services[name]?.environment }
  const here = (text: string) => replaced.reduce((value, [from, to]) => value.replaceAll(from, to), text)
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [key, here(value)]))
}

const scriptOf = (name: string) => {
  const [program, script = '', ...rest] = services[name]?.command ?? []
  expect([program, rest]).toEqual(['node', []])
  return script
}

function run(name: string, more: Record<string, string | undefined> = {}) {
  const { PATH, HOME } = process.env
  const child = spawn(process.execPath, [scriptOf(name)], {
    env: { PATH, HOME, ...variablesOf(name), ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  return { child, ended: once(child, 'close'), output: () => output }
}

/** How setup ended, and what it said. */
async function setup(more: Record<string, string | undefined> = {}): Promise<{ code: unknown; lines: string[] }> {
  const { ended, output } = run('setup', more)
  const [code] = await ended
  expect(leaks(output(), passwords)).toEqual([])
  return { code, lines: output().trim().split('\n') }
}

async function ask<T>(sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: variablesOf('setup')['DATABASE_ADMIN_URL'] })
  await client.connect()
  try {
    return (await client.query(sql)).rows as T[]
  } finally {
    await client.end()
  }
}

/** Everything setup makes, to compare: keys, logins and what they may, migrations. */
async function made() {
  const files = ['platform.key', 'admin.key'].map((name) => readFileSync(join(folder, name), 'utf8'))
  const roles = await ask(
    `select rolname, rolsuper, rolcreaterole, rolcreatedb, rolcanlogin, rolbypassrls,
       array(select g.rolname::text from pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = r.oid order by 1) as member
     from pg_roles r where rolname like 'freehold%' order by 1`,
  )
  const keys = await ask('select name, role, hash from api_keys')
  return { files, roles, keys, migrations: await ask('select name from mikro_orm_migrations order by 1') }
}

test('a tenant is provisioned by what docker-compose.yml starts', async () => {
  const first = await setup()
  expect([first.code, first.lines.at(-1)]).toEqual([0, 'setup is done'])
  const broker = run('broker')
  undo.push(async () => {
    broker.child.kill('SIGTERM')
    await broker.ended
  })
  await once(createInterface(broker.child.stdout), 'line')
  const [api, worker] = await Promise.all([
    startService('api', variablesOf('api')),
    startService('worker', variablesOf('worker')),
  ])
  undo.push(
    () => api.stop(),
    () => worker.stop(),
  )
  expect([scriptOf('api'), scriptOf('worker')]).toEqual(['api/main.ts', 'worker/main.ts'])

  const headers = { authorization: `Bearer ${readFileSync(join(folder, 'admin.key'), 'utf8').trim()}` }
  const accepted = await fetch(`${api.url}/v1/tenants`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/yaml' },
    body: readFileSync('examples/tenants/acme.yaml'),
  })
  expect(accepted.status).toBe(202)
  const { operation } = (await accepted.json()) as { operation: { id: string } }
  const get = async (path: string) => (await fetch(`${api.url}/v1/${path}`, { headers })).json()
  const seen = async () => (await get(`operations/${operation.id}`)) as { state: string; error: unknown }
  while (['accepted', 'running'].includes((await seen()).state)) await sleep(100)
  expect(await seen()).toMatchObject({ state: 'succeeded', error: null })

  const { items } = (await get('tenants/acme/resources')) as { items: { kind: string; state: string; facts: object }[] }
  expect(new Set(items.map(({ kind }) => kind))).toEqual(
    new Set(['secrets', 'database', 'object-store', 'runtime', 'network', 'topic']),
  )
  expect(items.find(({ kind }) => kind === 'network')).toMatchObject({ facts: { enforcement: 'external' } })
  expect(leaks(api.output() + worker.output(), passwords)).toEqual([])
})

describe('setup', () => {
  test('that runs again, twice at once, changes nothing', async () => {
    const before = await made()
    const runs = await Promise.all([setup(), setup()])
    expect(runs.map(({ code }) => code)).toEqual([0, 0])
    expect(await made()).toEqual(before)
    expect(before.roles).toMatchObject([
      {
        rolname: 'freehold',
        rolsuper: false,
        rolcreaterole: false,
        rolcreatedb: false,
        member: ['freehold_runtime', 'pg_use_reserved_connections'],
      },
      { rolname: 'freehold_provisioner', rolsuper: false, rolbypassrls: false },
      { rolname: 'freehold_provisioner_mover', rolsuper: false, rolcreaterole: false, rolcreatedb: false },
      { rolname: 'freehold_runtime', rolcanlogin: false },
    ])
  })

  test('takes a new password of its own login, and never that of another', async () => {
    const url = (user: string) => {
      const changed = new URL(variablesOf('setup')['DATABASE_URL'] ?? '')
      Object.assign(changed, { username: user, password: 'another-password' })
      return changed.href
    }
    await ask(`create role bystander login password 'kept' createrole`)
    const before = await ask('select rolname, rolpassword from pg_authid order by 1')
    const refused = await setup({ DATABASE_URL: url('bystander') })
    expect(refused.code).toBe(1)
    expect(refused.lines.at(-1)).toContain(
      'the login "bystander" of DATABASE_URL does not get into the registry, and was',
    )
    expect(await ask('select rolname, rolpassword from pg_authid order by 1')).toEqual(before)

    expect((await setup({ DATABASE_URL: url('freehold') })).code).toBe(0)
    const client = new pg.Client({ connectionString: url('freehold') })
    await client.connect()
    const answer = await client.query('select from public.tenants').catch(String)
    await client.end()
    expect(answer).toContain('permission denied for schema public')
    expect((await setup()).code).toBe(0)
  })

  test('does not make another platform key where there are tenants, and makes a lost admin key anew', async () => {
    const lost = join(folder, 'elsewhere/platform.key')
    const { code, lines } = await setup({ FREEHOLD_PLATFORM_KEY: `file:${lost}` })
    expect([code, existsSync(lost)]).toEqual([1, false])
    expect(lines.at(-1)).toMatch(
      /platform key .*elsewhere\/platform\.key is not there, and the registry holds 1 tenants' keys/,
    )

    const [before] = (await made()).keys
    rmSync(join(folder, 'admin.key'))
    expect((await setup()).code).toBe(0)
    expect((await made()).keys).not.toContainEqual(before)
    expect((await made()).keys).toHaveLength(1)
  })

  test('leaves a cell on another server as it is, and says so', async () => {
    const elsewhere = 'postgresql://freehold_provisioner:none@127.0.0.1:1/warehouse_shared'
    const { code, lines } = await setup({ FREEHOLD_WAREHOUSE_URL: elsewhere })
    expect(code).toBe(0)
    expect(lines).toContain(
      "cell eu-north-1 is on another server (127.0.0.1:1) than the administrator's; it was left as it is",
    )
  })

  const faults: [string, Record<string, string | undefined>, string][] = [
    [
      'no registry',
      { DATABASE_URL: undefined },
      'setup needs DATABASE_URL, TEMPORAL_ADDRESS and FREEHOLD_PLATFORM_KEY',
    ],
    ['no cell', { FREEHOLD_WAREHOUSE_URL: undefined }, 'variable FREEHOLD_WAREHOUSE_URL is not set'],
    [
      'a server that does not answer',
      { DATABASE_ADMIN_URL: 'postgresql://postgres:planted-secret@127.0.0.1:1/freehold' },
      'the registry database is not usable (connect ECONNREFUSED 127.0.0.1:1); see DATABASE_ADMIN_URL',
    ],
    ['no Temporal', { TEMPORAL_ADDRESS: '127.0.0.1:1' }, 'the Temporal server is not usable (The Temporal server at'],
    ['a platform key that is none', { FREEHOLD_PLATFORM_KEY: 'env:HOME' }, 'env:HOME must hold 32 bytes in base64'],
    ['a state folder that is a file', { FREEHOLD_STATE_DIR: 'package.json' }, 'FREEHOLD_STATE_DIR'],
  ]
  test.concurrent.each(faults)('%s: it says what is missing in one sentence', async (_, more, sentence) => {
    const { code, lines } = await setup(more)
    expect(code).toBe(1)
    expect(lines.at(-1)).toMatch(new RegExp(`^freehold setup: (?!.*planted-secret).*${RegExp.escape(sentence)}`))
  })
})
