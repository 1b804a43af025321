import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createSigner } from '../../../crypto/signing.ts'
import type { Operation, Relocation } from '../../../packages/sdk/index.ts'
import { json, operation, relocation, startFake } from './support.ts'

const { id } = relocation()
const at = '/v1/tenants/acme/relocations'
const accepted = (change: Partial<Relocation> = {}) => ({
  relocation: relocation(change),
  operation: operation({ kind: 'relocate', id }),
})

function ended(response: ServerResponse, one: Operation): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(`id: ${one.revision}\nevent: operation\ndata: ${JSON.stringify(one)}\n\n`)
}

/** An API with these moves, whose operation comes to this end. */
function startMoves(items: Relocation[], state: Operation['state'] = 'succeeded', report?: object) {
  return startFake(({ method, path }, response) => {
    const [now] = items
    if (path.endsWith('/stream')) return ended(response, operation({ kind: 'relocate', id, state }))
    if (path.startsWith('/v1/operations/')) return json(response, 200, operation({ kind: 'relocate', id, state }))
    if (path.endsWith('/reports')) return json(response, 200, { items: report === undefined ? [] : [report] })
    if (path.includes('keys.json')) return json(response, 200, { keys: [signer.publicKey] })
    if (method === 'POST') return json(response, 202, accepted())
    json(response, 200, path === at ? { items } : { relocation: now })
  })
}

test('what is asked for is sent in the units of the API, and nothing that was not said', async () => {
  await using fake = await startMoves([relocation()])
  await fake.freehold(['relocate', 'acme', '--to', 'st-dedicated'])
  await fake.freehold(
    [
      'relocate',
      'acme',
      '--to',
      'st-dedicated',
      '--cell',
      'c2',
      '--environment',
      'staging',
      '--throttle',
      '20MiB/s',
    ].concat(
      ['--soak', '7d', '--pause-budget-ms', '100', '--approval', '--reason', 'grew'],
      ['--window', '2026-12-01T02:00:00+01:00/2026-12-01T04:00:00Z'],
    ),
  )
  const sent = fake.received.filter(({ method }) => method === 'POST')
  expect(sent.map(({ path, body }) => [path, JSON.parse(body)])).toEqual([
    [at, { target: { profile: 'st-dedicated' } }],
    [
      at,
      {
        target: { profile: 'st-dedicated', cell: 'c2' },
        environment: 'staging',
        throttle: 20_971_520,
        soakSeconds: 604_800,
        pauseBudgetMs: 100,
        approval: true,
        window: { from: '2026-12-01T01:00:00.000Z', until: '2026-12-01T04:00:00.000Z' },
        reason: 'grew',
      },
    ],
  ])
})

test.each([
  [['--throttle', '20'], 'such as 20MiB/s'],
  [['--throttle', '20MB/s'], 'such as 20MiB/s'],
  [['--soak', '24'], 'such as 24h'],
  [['--pause-budget-ms', 'fast'], 'whole number'],
  [['--window', '2026-12-01T02:00:00Z'], 'two times with /'],
])('%s is wrong usage, and nothing is sent', async (wrong, said) => {
  await using fake = await startMoves([])
  const { exitCode, stderr } = await fake.freehold(['relocate', 'acme', '--to', 'st-dedicated', ...wrong])
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining(said)])
  expect(fake.received).toEqual([])
})

const inTheWay = { code: 'no_replica_identity', object: 't.logs', message: 'no row can be found', remedy: 'add a key' }

test.each([
  [{ movable: true, blockers: [{ ...inTheWay, isWarning: true }] }, 0, ''],
  [{ movable: false, blockers: [inTheWay] }, 3, '  t.logs: no row can be found; add a key\n'],
])(
  'a plan says how much there is to copy, and is refused only for what stands in the way',
  async (found, code, said) => {
    const tables = [
      { name: 'logs', rows: 10, bytes: 2_048 },
      { name: 'orders', rows: 1_234, bytes: 3 * 1024 ** 2 },
    ]
    const rate = { bytesPerSecond: 1024 ** 2, estimatedSeconds: 65 }
    const plan = { environment: 'prod', target: { profile: 'st-dedicated' }, tables, sequences: 1, bytes: 3_147_776 }
    await using fake = await startFake((_, response) => json(response, 200, { ...plan, ...rate, ...found }))
    const { exitCode, stdout, stderr } = await fake.freehold([
      'relocate',
      'plan',
      'acme',
      '--to',
      'st-dedicated',
      '--throttle',
      '1MiB/s',
    ])
    expect(fake.received).toMatchObject([
      { path: `${at}:plan`, body: '{"target":{"profile":"st-dedicated"},"throttle":1048576}' },
    ])
    expect([exitCode, stderr]).toEqual([code, expect.stringContaining(said)])
    expect(stdout).toMatch(/^to copy +3\.0 MiB in 2 tables, with 1 sequences\ntakes about +1 min 5 s, at 1\.0 MiB\/s/m)
    expect(stdout).toMatch(/\norders +3\.0 MiB +1,234\nlogs +2\.0 KiB +10\n/)
    expect(stdout.includes('it may take longer: t.logs')).toBe(code === 0)
  },
)

test('without a destination it is wrong usage, and commands below take no option of another', async () => {
  await using fake = await startMoves([])
  expect((await fake.freehold(['relocate', 'acme'])).stderr).toContain(`'--to <profile>' not specified`)
  expect((await fake.freehold(['relocate', 'status', 'acme', '--to', 'x'])).stderr).toContain(`unknown option '--to'`)
  expect(fake.received).toEqual([])
})

test('what the API says of a limit is said of the option', async () => {
  await using fake = await startFake((_, response) =>
    json(response, 400, {
      code: 'invalid_request',
      detail: 'body.pauseBudgetMs: too small',
      errors: [
        { path: 'body.pauseBudgetMs', message: 'too small' },
        { path: 'body.target.profile', message: 'not a name' },
      ],
    }),
  )
  const { stderr } = await fake.freehold(['relocate', 'acme', '--to', 'X', '--pause-budget-ms', '1'])
  expect(stderr).toContain('--pause-budget-ms: too small\n')
  expect(stderr).toContain('--to: not a name\n')
})

const soaking = relocation({
  state: 'soaking',
  phase: 'soak',
  cut: { serving: 'target', epoch: 2, tries: 1, fenceMs: 12.345, publishedMs: 20 },
  verified: { tables: 3, rows: '1203110', taken: 'at-the-cut' },
  soakUntil: '2026-01-02T00:00:00.000Z',
  allowed: ['rollback', 'complete'],
})

test('relocate --wait ends with what the cut took, what was proven, and until when it can be undone', async () => {
  await using fake = await startMoves([soaking], 'succeeded', { id: 'report-1', kind: 'relocation', operation: id })
  const { exitCode, stdout } = await fake.freehold(['relocate', 'acme', '--to', 'st-dedicated', '--wait'])
  expect(exitCode).toBe(0)
  expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
    ['relocation', id],
    ['tenant', 'acme, prod'],
    ['way', 'placement 1 to placement 2 (st-dedicated)'],
    ['state', 'soaking'],
    ['fence', '12.3 ms, try 1, epoch 2'],
    ['verified', '3 tables, 1,203,110 rows, equal on both sides as they were at the cut'],
    ['can be undone', 'until 2026-01-02 00:00:00 (UTC)'],
    ['report', 'report-1'],
    ['possible now', 'freehold relocate rollback acme; freehold relocate complete acme'],
    [''],
  ])
})

test('a move that was cut and not proven says so, and names no time', async () => {
  await using fake = await startMoves([{ ...soaking, verified: null, phase: 'not proven' }])
  const { stdout } = await fake.freehold(['relocate', 'status', 'acme'])
  expect(stdout).toMatch(/^verified +NOT PROVEN/m)
  expect(stdout).not.toContain('can be undone')
})

test('a move that failed is 1, and is shown as it is', async () => {
  await using fake = await startMoves([relocation({ state: 'failed', phase: 'undone', allowed: [] })], 'failed')
  const { exitCode, stdout, stderr } = await fake.freehold(['relocate', 'acme', '--to', 'x', '--wait', '-o', 'json'])
  expect([exitCode, JSON.parse(stdout)]).toMatchObject([
    1,
    { relocation: { state: 'failed' }, operation: { state: 'failed' }, report: null },
  ])
  expect(stderr).toContain('next: freehold retry acme --wait')
})

test('a command without a relocation is for the one that is open', async () => {
  const completed = relocation({ id: '019a0000-0000-7000-8000-00000000000e', state: 'completed' })
  await using fake = await startMoves([completed, soaking])
  const { exitCode } = await fake.freehold(['relocate', 'rollback', 'acme', '--reason', 'slow', '--wait'])
  expect(exitCode).toBe(0)
  const [sent] = fake.received.filter(({ method }) => method === 'POST')
  expect(sent).toMatchObject({ path: `${at}/${id}/rollback`, body: '{"reason":"slow"}' })
})

test('where none is open it is said, and where two are, which', async () => {
  const other = relocation({ id: '019a0000-0000-7000-8000-00000000000e', environment: 'staging' })
  const told = async (items: Relocation[]) => {
    await using fake = await startMoves(items)
    return (await fake.freehold(['relocate', 'complete', 'acme'])).stderr
  }
  expect(await told([relocation({ state: 'completed' })])).toContain(
    'error: no relocation of acme is open\ncode: relocation_not_found',
  )
  expect(await told([relocation(), other])).toContain(`  ${other.id}  staging, moving\n`)
})

test('abort --wait takes aborted for a good end', async () => {
  await using fake = await startMoves([relocation()], 'aborted')
  expect((await fake.freehold(['relocate', 'abort', 'acme', '--wait'])).exitCode).toBe(0)
  expect((await fake.freehold(['relocate', 'complete', 'acme', '--wait'])).exitCode).toBe(1)
})

test('status is of the open move, or else of the newest, and says when there is none', async () => {
  const newest = relocation({ id: '019a0000-0000-7000-8000-00000000000e', state: 'rolled-back' })
  const shown = async (...items: Relocation[]) => {
    await using fake = await startMoves(items)
    const { exitCode, stdout, stderr } = await fake.freehold(['relocate', 'status', 'acme'])
    return [exitCode, stdout.split('\n')[0]?.split(/ +/)[1] ?? stderr]
  }
  expect(await shown(newest, relocation())).toEqual([0, id])
  expect(await shown(newest)).toEqual([0, newest.id])
  expect(await shown()).toEqual([3, expect.stringContaining('acme was never moved')])
})

const signer = createSigner(randomBytes(32))
function signed(move: object) {
  const document = JSON.stringify({
    version: 1,
    tenant: { id: 't', slug: 'acme' },
    operation: { id, actor: 'key:admin', reason: null },
    at: '2026-01-01T00:00:00.000Z',
    proven: 'every table in full',
    ...move,
  })
  return {
    id: 'report-1',
    kind: 'relocation',
    operation: id,
    document,
    signature: signer.sign(document),
    keyId: signer.publicKey.kid,
  }
}
const move = {
  relocation: id,
  environment: 'prod',
  source: 1,
  target: 2,
  profile: 'st-dedicated',
  cut: { epoch: 2, fenceMs: 12.3, tries: 1 },
  verified: {
    tables: [{ name: 'orders', rows: '7', hash: 'ab' }],
    lsn: { source: '0/1', target: '0/2' },
    taken: 'at-the-cut',
  },
}

test('the report of a move is shown once it verifies, from the API and from a file without network', async () => {
  await using fake = await startMoves([soaking], 'succeeded', signed({ move }))
  writeFileSync(join(fake.cwd, 'report.json'), JSON.stringify(signed({ move })))
  writeFileSync(join(fake.cwd, 'keys.json'), JSON.stringify({ keys: [signer.publicKey] }))
  const online = await fake.freehold(['relocate', 'report', 'acme'])
  const asked = fake.received.length
  const saved = await fake.freehold(['relocate', 'report', '--file', 'report.json', '--keys', 'keys.json'], {})
  expect([online.exitCode, online.stdout]).toEqual([0, expect.stringMatching(/^orders +7 +ab$/m)])
  expect(saved).toEqual(online)
  expect(fake.received.length).toBe(asked)
})

test.each([
  [
    'is not as it was signed',
    { ...signed({ move }), document: signed({ move: { ...move, source: 3 } }).document },
    'signature_invalid',
  ],
  ['is of another move', signed({ move: { ...move, relocation: 'another' } }), 'not_a_report'],
  ['is of another kind', signed({ removed: [] }), 'not_a_report'],
])('a report that %s is none', async (_, report, code) => {
  await using fake = await startMoves([soaking], 'succeeded', report)
  const { exitCode, stdout, stderr } = await fake.freehold(['relocate', 'report', 'acme', '--output', 'json'])
  expect([exitCode, stdout, stderr]).toEqual([1, '', expect.stringContaining(`code: ${code}\n`)])
})

test('a move that was not proven has no report', async () => {
  await using fake = await startMoves([relocation()])
  const { exitCode, stderr } = await fake.freehold(['relocate', 'report', 'acme'])
  expect([exitCode, stderr]).toEqual([3, expect.stringContaining(`relocation ${id} has no report; it is moving`)])
})
