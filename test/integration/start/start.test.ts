import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, describe, expect, inject, it, onTestFinished } from 'vitest'
import { accepts, freePorts } from '../../../local/ports.ts'
import { temporaryPrefix } from '../../support/temp-dir.ts'

/** `npm start` as a person has it: the process, what it prints, what it leaves behind. */
describe('npm start', async () => {
  const directory = mkdtempSync(join(tmpdir(), `${temporaryPrefix}${process.pid}-`))
  const [api = 0, postgres = 0, temporal = 0, ui = 0, bus = 0, busAdmin = 0] = await freePorts(6)
  const environment = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    TEMPORAL_CLI_PATH: inject('temporalBinary'),
    FREEHOLD_STATE_DIR: join(directory, '.freehold'),
    FREEHOLD_PORT: String(api),
    FREEHOLD_POSTGRES_PORT: String(postgres),
    FREEHOLD_TEMPORAL_PORT: String(temporal),
    FREEHOLD_TEMPORAL_UI_PORT: String(ui),
    FREEHOLD_SERVICE_BUS_PORT: String(bus),
    FREEHOLD_SERVICE_BUS_ADMIN_PORT: String(busAdmin),
  }
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  function start(more: Record<string, string> = {}) {
    const child = spawn(process.execPath, ['local/main.ts'], {
      env: { ...environment, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
      // It leads a process group as a job of a shell does; Ctrl-C is a SIGINT to that group.
      detached: true,
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
    return { child, ended: once(child, 'exit'), output: () => output }
  }

  async function up({ child, output }: { child: ChildProcess; output: () => string }): Promise<void> {
    while (!output().includes('Freehold is up.')) {
      if (child.exitCode !== null) throw new Error(`it ended: ${output()}`)
      await sleep(50)
    }
  }

  async function stop(run: ReturnType<typeof start>, signal: NodeJS.Signals): Promise<void> {
    process.kill(-(run.child.pid ?? 0), signal)
    expect(await run.ended).toEqual([0, null])
    await nothingIsLeft()
  }

  async function nothingIsLeft(): Promise<void> {
    const open = await Promise.all([api, postgres, temporal, ui, bus, busAdmin].map(accepts))
    expect(open).toEqual([false, false, false, false, false, false])
    expect(readdirSync(join(environment.FREEHOLD_STATE_DIR, 'processes'))).toEqual([])
  }

  it('makes the first tenant, stops cleanly, and has everything again at the next start, also after a kill', async () => {
    const first = start()
    await up(first)
    expect(first.output()).toContain('✓ database of prod')
    const keyFile = join(environment.FREEHOLD_STATE_DIR, 'admin.key')
    expect(statSync(keyFile).mode & 0o777).toBe(0o600)
    await stop(first, 'SIGTERM')

    const second = start()
    await up(second)
    expect(second.output()).not.toContain('provisioning')
    const tenants = await fetch(`http://127.0.0.1:${api}/v1/tenants`, {
      headers: { authorization: `Bearer ${readFileSync(keyFile, 'utf8').trim()}` },
    })
    expect(await tenants.json()).toMatchObject({ items: [{ slug: 'acme', state: 'active' }] })
    second.child.kill('SIGKILL')
    await second.ended

    const third = start()
    await up(third)
    await stop(third, 'SIGINT')
  })

  it('gives API and worker a login without rights of an administrator, also in a state directory that knew none', async () => {
    const first = start()
    await up(first)
    const password = readFileSync(join(environment.FREEHOLD_STATE_DIR, 'postgres-superuser.password'), 'utf8').trim()
    const admin = new pg.Client({
      connectionString: `postgresql://postgres:${password}@127.0.0.1:${postgres}/freehold`,
    })
    admin.on('error', () => {})
    await admin.connect()
    const logins = async () =>
      (
        await admin.query(
          `select distinct r.rolname as name, r.rolsuper as super, r.rolcreaterole as "mayMakeRoles"
         from pg_stat_activity a join pg_roles r on r.oid = a.usesysid
         where a.application_name = 'freehold' and a.datname = 'freehold'`,
        )
      ).rows
    await expect.poll(logins).toEqual([{ name: 'freehold', super: false, mayMakeRoles: false }])

    await admin.query('drop owned by freehold')
    await admin.query('drop role freehold')
    rmSync(join(environment.FREEHOLD_STATE_DIR, 'service.password'))
    await admin.end()
    await stop(first, 'SIGTERM')
    const second = start()
    await up(second)
    await stop(second, 'SIGTERM')
  })

  it('goes on without the broker when that dies, and starts it again', async () => {
    const run = start()
    await up(run)
    const record = join(environment.FREEHOLD_STATE_DIR, 'processes/service-bus.json')
    const { pid } = JSON.parse(readFileSync(record, 'utf8')) as { pid: number }
    process.kill(pid, 'SIGKILL')
    await expect.poll(() => accepts(bus)).toBe(false)
    expect((await fetch(`http://127.0.0.1:${api}/healthz`)).status).toBe(200)
    await expect.poll(() => accepts(bus), { timeout: 20_000 }).toBe(true)
    await expect.poll(run.output).toContain('the development broker ended (signal SIGKILL) and is started again')
    await stop(run, 'SIGTERM')
  })

  it('stops everything at Ctrl-C when the reader of its output is gone, as with `npm start | tee log`', async () => {
    const run = start()
    await up(run)
    run.child.stdout.destroy()
    run.child.stderr.destroy()
    await stop(run, 'SIGINT')
    expect(run.output()).not.toContain('stopping')
  })

  it('ends everything, and says so, when PostgreSQL dies', async () => {
    const run = start()
    await up(run)
    const record = join(environment.FREEHOLD_STATE_DIR, 'processes/postgres.json')
    const { pid } = JSON.parse(readFileSync(record, 'utf8')) as { pid: number }
    process.kill(pid, 'SIGKILL')
    expect(await run.ended).toEqual([1, null])
    expect(run.output()).toContain('freehold: PostgreSQL ended by itself (signal SIGKILL)')
    await nothingIsLeft()
  })

  it('says in one sentence that a port is taken, and starts nothing', async () => {
    const server = createServer().listen(api, '127.0.0.1')
    await once(server, 'listening')
    const run = start()
    expect(await run.ended).toEqual([1, null])
    expect(run.output()).toMatch(new RegExp(`freehold: .*${api}.*FREEHOLD_PORT`))
    server.close()
  })

  it('refuses a variable it does not know, with the name it may have meant', async () => {
    const run = start({ FREEHOLD_PROT: '1' })
    expect(await run.ended).toEqual([1, null])
    expect(run.output()).toContain('unknown variable FREEHOLD_PROT; did you mean FREEHOLD_PORT?')
  })
})
