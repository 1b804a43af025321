import { afterAll, beforeAll, expect, it } from 'vitest'
import { connectMover } from '../../../isolation/move/end.ts'
import { withdraw } from '../../../isolation/move/withdraw.ts'
import { script } from '../../support/awkward-schema.ts'
import { testCell, type TestCell } from '../isolation/support.ts'
import { movable, type Movable } from './support.ts'

let cell: TestCell
let moving: Movable
beforeAll(async () => {
  cell = await testCell()
  moving = await movable(cell, [script('1.0.0/001.sql', 'create table entries (id int primary key)')])
})
afterAll(async () => {
  await moving.mapper.close()
  await cell.drop()
})

it('a database that is given up can be dropped, whoever of the mover is still in it', async () => {
  const { move, signal } = moving
  await moving.fill()
  const [left, elsewhere] = await Promise.all([
    connectMover(move.target, { signal }),
    connectMover(move.source, { signal }),
  ])
  await withdraw(move, 'target', moving.fence(), signal)
  await expect(left.query('select')).rejects.toBeInstanceOf(Error)
  // In a database of many tenants it may be there for another move.
  await elsewhere.query('select')
  await elsewhere.end()
  await moving.mapper.remove(moving.target.target('database'))
})
