import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { cleanMove } from '../../../isolation/move/clean.ts'
import { bank, keylessBank } from '../../support/schemas/bank.ts'
import { rental } from '../../support/schemas/rental.ts'
import { trading } from '../../support/schemas/trading.ts'
import { workspaces } from '../../support/schemas/workspaces.ts'
import { testCell, type TestCell } from '../isolation/support.ts'
import { movableSchema, rehearse } from './rehearse.ts'
import type { Movable } from './support.ts'

/** Schemas of the kind that tenants bring, moved there and back while their applications write. */
describe('a move of', () => {
  let cell: TestCell
  const begun: Movable[] = []
  beforeAll(async () => {
    cell = await testCell()
  })
  afterEach(async () => {
    for (const { move, mapper, signal } of begun.splice(0)) {
      await cleanMove(move, signal)
      await mapper.close()
    }
  })
  afterAll(() => cell.drop())

  it('a bank whose history has no key is refused by its name, with the remedy', async () => {
    const moving = await movableSchema(cell, { ...bank('a primary key'), migrations: [keylessBank] })
    begun.push(moving)
    const refusal = moving.fill()
    await expect(refusal).rejects.toMatchObject({ code: 'move_unsupported' })
    await expect(refusal).rejects.toThrow(
      /\.pgbench_history: .*; alter table t_\w+\.pgbench_history add primary key \(…\), or .* replica identity full/,
    )
  })

  it.each([
    ['a bank whose history is found by all of its columns', bank('replica identity full')],
    ['a bank whose history has got a key', bank('a primary key')],
    ['a shop that rents out films', rental],
    ['a trader', trading],
    ['software for teams', workspaces],
  ])('%s', async (_, schema) => {
    const moving = await movableSchema(cell, schema)
    begun.push(moving)
    await expect(rehearse(cell, moving, schema)).resolves.toBeUndefined()
  })
})
