import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { cleanMove } from '../../../isolation/move/clean.ts'
import type { EndName } from '../../../isolation/move/cutover.ts'
import { withMover } from '../../../isolation/move/end.ts'
import { compareFingerprints, readFingerprint } from '../../../isolation/move/fingerprint.ts'
import { prove } from '../../../isolation/move/prove.ts'
import { compareSequences, readSequenceValues } from '../../../isolation/move/sequences.ts'
import type { LiveSchema } from '../../support/schemas/live-schema.ts'
import { databaseOf, loginAs, type TestCell } from '../isolation/support.ts'
import { movable, startWriters, type Movable } from './support.ts'

/** Makes the tenant of a schema, with its rows in it. */
export async function movableSchema(cell: TestCell, { migrations, rows }: LiveSchema): Promise<Movable> {
  const moving = await movable(cell, migrations)
  const app = await loginAs(moving.source, cell)
  await app.query(rows)
  await app.end()
  return moving
}

/** Writers that do what the application does; each operation's key is a row of its own. */
export const startApplication = (cell: TestCell, moving: Movable, schema: LiveSchema, many = 3) =>
  startWriters(cell, moving, many, async (client, key) => {
    await client.query('insert into operations (key) values ($1)', [key])
    await schema.write(client, key)
  })

/** What is not as it should be at one side after so many operations: nothing, by name. */
export async function wrongAt(cell: TestCell, moving: Movable, name: EndName, { wrong }: LiveSchema, done: number) {
  const client = await cell.adminIn(databaseOf(moving.tenantOf(name), cell)).connect()
  try {
    await client.query(`set search_path = ${moving.move[name].names.schema}`)
    const { rows } = await client.query<Record<string, string>>(wrong, [done])
    const keys = await client.query<{ many: string }>('select count(*) - $1 as many from operations', [done])
    return unlikeZero({ operations: keys.rows[0]?.many, ...rows[0] })
  } finally {
    client.release(true)
  }
}

const unlikeZero = (row: object) => Object.entries(row).filter(([, found]) => Number(found) !== 0)

/** What the move should have filled on the target, and has not. */
async function staleAt(cell: TestCell, moving: Movable, { stale = 'select' }: LiveSchema) {
  const client = await cell.adminIn(databaseOf(moving.target, cell)).connect()
  try {
    await client.query(`set search_path = ${moving.move.target.names.schema}`)
    const { rows } = await client.query<Record<string, string>>(stale)
    return unlikeZero(rows[0] ?? {})
  } finally {
    client.release(true)
  }
}

/** Sees that what a move must not lose is equal: what the sides are made of, and what their sequences give next. */
export async function expectSame({ move, signal }: Movable, serving: EndName): Promise<void> {
  const at = (name: EndName) =>
    withMover(move[name], { signal }, async (client) => ({
      structure: await readFingerprint(client, move[name].names.schema),
      sequences: await readSequenceValues(client, move[name].names.schema),
    }))
  const [source, target] = [await at('source'), await at('target')]
  expect(compareFingerprints(source.structure, target.structure)).toEqual([])
  const [left, serves] = serving === 'target' ? [source, target] : [target, source]
  expect(compareSequences(left.sequences, serves.sequences)).toEqual([])
}

async function cutAndProve(moving: Movable, wanted: EndName, epoch: number): Promise<void> {
  const { move, signal } = moving
  const { measured, ...outcome } = await moving.cut(wanted)
  expect(outcome).toEqual({ serving: wanted, epoch })
  const { from, to } = measured?.snapshots ?? { from: '', to: '' }
  const proof = await prove(move, {
    fence: moving.fence(),
    pair: wanted === 'target' ? { source: from, target: to } : { source: to, target: from },
    serving: wanted,
    onProgress: () => {},
    signal,
  })
  for (const holder of measured?.holders ?? []) await holder.end()
  expect(proof.taken).toBe('at-the-cut')
  await expectSame(moving, wanted)
}

/** Moves a tenant there and back while its application works, proves it both times, and cleans up. */
export async function rehearse(cell: TestCell, moving: Movable, schema: LiveSchema): Promise<void> {
  const writers = startApplication(cell, moving, schema)
  try {
    await sleep(200)
    await moving.fill()
    await sleep(200)
    await cutAndProve(moving, 'target', 2)
    expect(await staleAt(cell, moving, schema)).toEqual([])
    await sleep(200)
    await cutAndProve(moving, 'source', 3)
    await sleep(200)
  } finally {
    await writers.stop()
  }
  expect(writers.errors.map(String)).toEqual([])
  expect(writers.acknowledged.length).toBeGreaterThan(20)
  expect(await wrongAt(cell, moving, 'source', schema, writers.acknowledged.length)).toEqual([])
  await cleanMove(moving.move, moving.signal)
}
