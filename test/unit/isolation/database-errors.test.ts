import { DatabaseError } from 'pg'
import { expect, test } from 'vitest'
import { databaseError } from '../../../isolation/mappers/database/errors.ts'

const cell = { name: 'c', database: { name: 'x', host: 'db.example', port: 5432 }, secret: 'theirs' }
const answered = (message: string) =>
  databaseError(Object.assign(new DatabaseError(message, 1, 'error'), { code: '57014' }), cell)

test('what a server of a tenant says is one line that a history and a terminal can bear', () => {
  expect(answered('x'.repeat(5_000_000)).message.length).toBeLessThan(700)
  expect(answered('\u001b[31mred\n\nand\u0007 loud\u202e').message).toContain('[31mred and loud (SQLSTATE 57014)')
})
