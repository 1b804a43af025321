import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { serve, type ServerType } from '@hono/node-server'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCommandLine } from '../../support/command-line.ts'
import { tries } from '../../support/timing.ts'
import { createWorld, type World } from '../../support/world.ts'

/** A move as somebody at a terminal makes it. */
describe('freehold relocate', () => {
  let world: World
  let server: ServerType
  let url: string
  beforeAll(async () => {
    world = await createWorld({ timing: { heartbeatMs: 5_000, tryMs: tries(30_000) } })
    await world.worker()
    server = serve({ fetch: world.api().fetch, port: 0, hostname: '127.0.0.1' })
    await once(server, 'listening')
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    await world.until((await world.apply('mover')).operation.id, 'succeeded')
    const connection = (await freehold('connect', 'mover')).stdout.trim()
    const client = new pg.Client({ connectionString: connection })
    await client.connect()
    await client.query(
      `insert into customers (name, email) select repeat('n', 200), i || '@example.org' from generate_series(1, 5000) i`,
    )
    await client.end()
  })
  afterAll(async () => {
    server.close()
    await world.close()
  })

  const freehold = (...args: string[]) =>
    runCommandLine(args, { cwd: tmpdir(), env: { FREEHOLD_URL: url, FREEHOLD_API_KEY: world.key } })
  /** Exit code and error code. */
  const refusal = async (...args: string[]) => {
    const { exitCode, stderr } = await freehold(...args)
    return [exitCode, /^code: (.*)$/m.exec(stderr)?.[1]]
  }

  it('says what is wrong, and moves nothing', async () => {
    expect(await refusal('relocate', 'mover', '--to', 'nowhere')).toEqual([3, 'profile_not_configured'])
    expect(await refusal('relocate', 'mover', '--to', 'mt-standard')).toEqual([3, 'placement_unchanged'])
    expect(await refusal('relocate', 'mover', '--to', 'st-dedicated', '--environment', 'no')).toEqual([
      3,
      'environment_not_found',
    ])
    expect(await refusal('relocate', 'status', 'mover', 'nothing')).toEqual([3, 'relocation_not_found'])
    expect(await refusal('relocate', 'rollback', 'mover')).toEqual([3, 'relocation_not_found'])
    const { exitCode, stderr } = await freehold('relocate', 'mover', '--to', 'st-dedicated', '--pause-budget-ms', '5')
    expect([exitCode, stderr]).toEqual([3, expect.stringContaining('--pause-budget-ms')])
  })

  it('tells what there is to move before it does', async () => {
    const { exitCode, stdout } = await freehold('relocate', 'plan', 'mover', '--to', 'st-dedicated')
    expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/^customers +1\.\d MiB +\S+$/m)])
  })

  it('moves a tenant with its progress shown, proves it, and takes it back once', async () => {
    const moving = freehold(
      'relocate',
      'mover',
      '--to',
      'st-dedicated',
      '--throttle',
      '1MiB/s',
      '--soak',
      '2h',
      '--wait',
    )
    for (let looks = 0; ; looks += 1) {
      expect(looks).toBeLessThan(100)
      if ((await freehold('relocate', 'status', 'mover')).stdout.includes('moving')) break
      await sleep(50)
    }
    expect(await refusal('relocate', 'mover', '--to', 'st-dedicated')).toEqual([3, 'operation_in_progress'])
    const { exitCode, stdout, stderr } = await moving
    expect([exitCode, stderr]).toEqual([0, expect.stringMatching(/^relocate mover: copy: \w+, .*iB of about .*iB/m)])
    expect(stdout).toMatch(/^fence +[\d.]+ ms, try \d+, epoch 2$/m)
    expect(stdout).toMatch(/^verified +\d+ tables, 5,\d{3} rows, equal on both sides/m)
    expect(stdout).toMatch(/^can be undone +until \d{4}-.* \(UTC\)$/m)
    const id = /^report +(\S+)$/m.exec(stdout)?.[1]
    const report = await freehold('relocate', 'report', 'mover', '--output', 'json')
    expect(JSON.parse(report.stdout)).toMatchObject({ id, kind: 'relocation' })
    expect((await freehold('relocate', 'report', 'mover')).stdout).toMatch(/^customers +5\d{3} +\S+$/m)

    const back = await freehold('relocate', 'rollback', 'mover', '--wait', '--output', 'json')
    expect([back.exitCode, JSON.parse(back.stdout)]).toMatchObject([
      0,
      { relocation: { state: 'rolled-back', rollback: { epoch: 3 } }, operation: { state: 'succeeded' }, report: id },
    ])
    const moved = /^relocation +(\S+)$/m.exec(stdout)?.[1] ?? ''
    expect(await refusal('relocate', 'rollback', 'mover', moved)).toEqual([3, 'relocation_not_possible'])
    expect(await refusal('relocate', 'complete', 'mover')).toEqual([3, 'relocation_not_found'])
  })

  it('gives up a move that is under way, approves another, and ends that for good', async () => {
    await freehold('relocate', 'mover', '--to', 'st-dedicated', '--throttle', '64KiB/s')
    const aborted = await freehold('relocate', 'abort', 'mover', '--wait', '--output', 'json')
    expect([aborted.exitCode, JSON.parse(aborted.stdout)]).toMatchObject([
      0,
      { relocation: { state: 'failed', cut: null }, operation: { state: 'aborted' }, report: null },
    ])
    await freehold('relocate', 'mover', '--to', 'st-dedicated', '--approval')
    for (let looks = 0; ; looks += 1) {
      expect(looks).toBeLessThan(200)
      if ((await freehold('relocate', 'status', 'mover')).stdout.includes('the cut waits for approval')) break
      await sleep(50)
    }
    expect((await freehold('relocate', 'approve', 'mover', '--wait')).stdout).toMatch(/^state +soaking$/m)
    const { exitCode, stdout } = await freehold('relocate', 'complete', 'mover', '--wait', '--reason', 'done')
    expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/^state +completed$/m)])
  })
})
