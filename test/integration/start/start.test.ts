import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, describe, expect, inject, it } from 'vitest'
import { accepts, freePorts } from '../../../local/ports.ts'
import { stopLeftovers } from '../../../local/server-process.ts'
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
  const children: ChildProcess[] = []
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL')
    await stopLeftovers(environment.FREEHOLD_STATE_DIR, () => {})
    rmSync(directory, { recursive: true, force: true })
  })

  function start(more: Record<string, string> = {}, ...options: string[]) {
    const child = spawn(process.execPath, ['local/main.ts', ...options], {
      env: { ...environment, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
      // It leads a process group as a job of a shell does; Ctrl-C is a SIGINT to that group.
      detached: true,
    })
    children.push(child)
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

  const inState = (file: string) => join(environment.FREEHOLD_STATE_DIR, file)
  const read = (file: string) => readFileSync(inState(file), 'utf8').trim()
  const killServer = (name: string) =>
    process.kill((JSON.parse(read(`processes/${name}.json`)) as { pid: number }).pid, 'SIGKILL')

  /** Runs SQL as the superuser of the embedded server. */
  async function asAdmin(...statements: string[]): Promise<unknown[]> {
    const password = read('postgres-superuser.password')
    const admin = new pg.Client(`postgresql://postgres:${password}@127.0.0.1:${postgres}/freehold`)
    await admin.connect()
    try {
      let rows: unknown[] = []
      for (const statement of statements) rows = (await admin.query(statement)).rows
      return rows
    } finally {
      await admin.end()
    }
  }

  /** Starts follow each other, because each takes seconds: a test goes on with the stack that the one before left. */
  let run: ReturnType<typeof start>

  it('ends soon at Ctrl-C while it starts, and says nothing more', async () => {
    run = start()
    await expect.poll(run.output, { timeout: 60_000 }).toContain('starting PostgreSQL')
    await expect.poll(() => accepts(temporal), { timeout: 60_000 }).toBe(true)
    await stop(run, 'SIGINT')
    expect(run.output()).toMatch(/stopping …\n$/)
  })

  it('makes the first tenant, and stops cleanly', async () => {
    run = start()
    await up(run)
    expect(run.output()).toContain('✓ database of prod')
    expect(statSync(inState('admin.key')).mode & 0o777).toBe(0o600)
    // Other ports and keys than those where programs look by themselves.
    await expect.poll(run.output).toContain(`export FREEHOLD_URL=http://127.0.0.1:${api}\n`)
    await expect.poll(run.output).toContain(`export FREEHOLD_API_KEY_FILE=${inState('admin.key')}\n`)
    const ofTask = `TEMPORAL_ADDRESS=127.0.0.1:${temporal} FREEHOLD_API_KEY_FILE=${inState('workloads.key')}`
    await expect.poll(run.output).toContain(`  ${ofTask} npx node examples/workloads/submit.ts acme\n`)
    await stop(run, 'SIGTERM')
  })

  it('has everything again at the next start', async () => {
    run = start()
    await up(run)
    expect(run.output()).not.toContain('provisioning')
    const headers = { authorization: `Bearer ${read('admin.key')}` }
    const tenants = await fetch(`http://127.0.0.1:${api}/v1/tenants`, { headers })
    expect(await tenants.json()).toMatchObject({ items: [{ slug: 'acme', state: 'active' }] })
  })

  it('gives API and worker a login without rights of an administrator', async () => {
    const logins = () =>
      asAdmin(
        `select distinct r.rolname as name, r.rolsuper as super, r.rolcreaterole as "mayMakeRoles"
         from pg_stat_activity a join pg_roles r on r.oid = a.usesysid
         where a.application_name = 'freehold' and a.datname = 'freehold'`,
      )
    await expect.poll(logins).toEqual([{ name: 'freehold', super: false, mayMakeRoles: false }])
  })

  it('goes on without the broker when that dies, and starts it again', async () => {
    killServer('service-bus')
    await expect.poll(() => accepts(bus)).toBe(false)
    expect((await fetch(`http://127.0.0.1:${api}/healthz`)).status).toBe(200)
    await expect.poll(() => accepts(bus), { timeout: 20_000 }).toBe(true)
    await expect.poll(run.output).toContain('the development broker ended (signal SIGKILL) and is started again')
  })

  it('comes up after a kill, and stops everything at Ctrl-C when the reader of its output is gone, as with `| tee log`', async () => {
    run.child.kill('SIGKILL')
    await run.ended
    run = start()
    await up(run)
    // A state directory of before had no such login.
    await asAdmin('drop owned by freehold', 'drop role freehold')
    rmSync(inState('service.password'))
    run.child.stdout.destroy()
    run.child.stderr.destroy()
    await stop(run, 'SIGINT')
    expect(run.output()).not.toContain('stopping …')
  })

  it('makes a login where there was none, and when PostgreSQL dies ends everything and says so', async () => {
    run = start()
    await up(run)
    killServer('postgres')
    expect(await run.ended).toEqual([1, null])
    expect(run.output()).toContain('freehold: PostgreSQL ended by itself (signal SIGKILL)')
    await nothingIsLeft()
  })

  it('says of every port that is taken what to do, and starts nothing', async () => {
    const servers = [api, ui].map((port) => createServer().listen(port, '127.0.0.1'))
    await Promise.all(servers.map((server) => once(server, 'listening')))
    const refused = start()
    expect(await refused.ended).toEqual([1, null])
    expect(refused.output()).toMatch(
      new RegExp(`freehold: .*${api}.*FREEHOLD_PORT.*\n.*${ui}.*FREEHOLD_TEMPORAL_UI_PORT`),
    )
    for (const server of servers) server.close()
  })

  it('refuses a folder of migration sets that is not there', async () => {
    const refused = start({ FREEHOLD_MIGRATIONS_DIR: '/nonexistent' })
    expect(await refused.ended).toEqual([1, null])
    expect(refused.output()).toContain('freehold: migration set: /nonexistent is not a folder that can be read\n')
  })

  it.each([
    ['--help', 0, ''],
    ['--bogus', 2, "freehold: Unknown option '--bogus'\n"],
  ])('tells how it is used for %s', async (option, code, sentence) => {
    const { ended, output } = start({}, option)
    expect(await ended).toEqual([code, null])
    await expect
      .poll(output)
      .toBe(`${sentence}usage: npm start [-- --fresh]\n  --fresh  empties the state directory first\n`)
  })

  it('refuses a variable it does not know, with the name it may have meant', async () => {
    const refused = start({ FREEHOLD_PROT: '1' })
    expect(await refused.ended).toEqual([1, null])
    expect(refused.output()).toContain('unknown variable FREEHOLD_PROT; did you mean FREEHOLD_PORT?')
  })
})
