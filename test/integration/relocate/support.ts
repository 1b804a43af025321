import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { moverPassword } from '../../../crypto/envelope.ts'
import type { Migration } from '../../../base/migration-source.ts'
import { createDatabaseMapper } from '../../../isolation/mappers/database/mapper.ts'
import { openLogin } from '../../../isolation/move/rights.ts'
import { cutOver, type CutoverOptions, type EndName } from '../../../isolation/move/cutover.ts'
import type { Move } from '../../../isolation/move/end.ts'
import { endOf } from '../../../isolation/move/ends.ts'
import { fill, type Filled } from '../../../isolation/move/fill.ts'
import { databaseOf, namesOf, testTenant, type TestCell, type TestTenant } from '../isolation/support.ts'

const platformKey = randomBytes(32)

/** A tenant in the shared database, and the dedicated one that it is going to, both made by the mapper. */
export async function movable(cell: TestCell, migrations: readonly Migration[]) {
  const mapper = createDatabaseMapper()
  const source = testTenant(cell.cell, { connections: 30 })
  const { id, code, secrets } = source
  const target = testTenant(cell.cell, { id, code, secrets, profile: 'st-dedicated', number: 2, connections: 30 })
  for (const [tenant, birth] of [
    [source, 'active'],
    [target, 'standby'],
  ] as const) {
    await mapper.ensure(tenant.target('database', 1, { birth }))
    await mapper.migrate(tenant.target('database', 1, { birth }), migrations)
  }
  const passwordOf = (role: string) => moverPassword(platformKey, role)
  const move: Move = {
    id: randomBytes(16).toString('hex'),
    tenantId: id,
    environment: 'prod',
    source: endOf(source.target('database'), passwordOf),
    target: endOf(target.target('database'), passwordOf),
  }
  const signal = new AbortController().signal
  const fence = () => source.target('database').fence
  /** What the registry would say: which side serves, at which epoch. */
  const context: { serving: EndName; epoch: number } = { serving: 'source', epoch: 1 }
  let filled: Filled | undefined

  return {
    move,
    source,
    target,
    context,
    mapper,
    signal,
    fence,
    tenantOf: (name: EndName): TestTenant => (name === 'source' ? source : target),
    async fill(): Promise<Filled> {
      filled = await fill(move, { fence: fence(), slotWaitMs: 20_000, onProgress: () => {}, signal })
      await openLogin(move.target, signal)
      return filled
    },
    cut: (wanted: EndName, options: Partial<CutoverOptions> = {}) =>
      cutOver(move, wanted, {
        fence: fence(),
        budgetMs: 500,
        tables: filled?.tables.length ?? 0,
        triggers: filled?.triggers ?? { quiet: [], wake: [] },
        suspended: async () => false,
        async publish(serving, { epoch }) {
          if (context.epoch < epoch) Object.assign(context, { serving, epoch })
        },
        tries: 20,
        signal,
        ...options,
      }),
  }
}
export type Movable = Awaited<ReturnType<typeof movable>>

const refused = new Set(['FH010', '42501', '28000', '57P01'])

/**
 * Writers that follow the context as the SDK does: the key of each operation is inserted in its transaction, and a refusal means
 * another look at the context. `stop` gives what was acknowledged.
 */
export function startWriters(
  cell: TestCell,
  moving: Movable,
  many: number,
  write: (client: pg.Client, key: string) => Promise<void>,
) {
  const acknowledged: string[] = []
  const errors: unknown[] = []
  let isOver = false
  let last = performance.now()
  let longestGapMs = 0
  async function connect(): Promise<{ client: pg.Client; epoch: number }> {
    const { serving, epoch } = moving.context
    const tenant = moving.tenantOf(serving)
    const password = (await tenant.secrets.read(namesOf(tenant).passwordSecret)) ?? ''
    const client = new pg.Client({
      connectionString: cell.urlOf(namesOf(tenant).appRole, password, databaseOf(tenant, cell)),
    })
    client.on('error', () => {})
    await client.connect()
    return { client, epoch }
  }
  async function writer(number: number): Promise<void> {
    let session = await connect()
    for (let count = 0; !isOver; count += 1) {
      const key = `${number}/${count}`
      for (;;) {
        try {
          if (session.epoch !== moving.context.epoch) {
            await session.client.end()
            session = await connect()
          }
          const { client, epoch } = session
          await client.query('begin')
          await client.query('select freehold.enter($1)', [epoch])
          await write(client, key)
          await client.query('commit')
          break
        } catch (error) {
          await session.client.query('rollback').catch(() => {})
          const code = error instanceof pg.DatabaseError ? error.code : undefined
          if (code === undefined || !refused.has(code)) {
            errors.push(error)
            return
          }
          // Where no side opens any more there is nobody to wait for.
          if (isOver) {
            await session.client.end()
            return
          }
          await sleep(1)
        }
      }
      acknowledged.push(key)
      const now = performance.now()
      longestGapMs = Math.max(longestGapMs, now - last)
      last = now
    }
    await session.client.end()
  }
  const running = Array.from({ length: many }, (_, number) => writer(number))
  return {
    acknowledged,
    errors,
    gap: () => {
      const found = longestGapMs
      longestGapMs = 0
      return found
    },
    async stop(): Promise<string[]> {
      isOver = true
      await Promise.all(running)
      return acknowledged
    },
  }
}
