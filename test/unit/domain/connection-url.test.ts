import { expect, test } from 'vitest'
import { serverAddress } from '../../../domain/connection-url.ts'

test.each([
  [
    'postgresql://me:secret@db.example:6543/postgres?sslmode=require',
    { host: 'db.example', port: 6543, sslmode: 'require' },
  ],
  ['postgres://me@db.example/x', { host: 'db.example', port: 5432 }],
  ['postgresql://me:p%40ss@[fd00::1]:5433/x', { host: 'fd00::1', port: 5433 }],
])('%s names its server', (text, address) => {
  expect(serverAddress(text)).toEqual(address)
})

test.each([
  '',
  'a password',
  'mysql://me@db.example/x',
  'postgresql://db.example/x',
  'postgresql://me@/x',
  'postgresql://me@one.example,two.example/x',
  'postgresql://me@db.example/x?host=other.example',
  'postgresql://me@db.example/x?port=1',
  'postgresql://me@db.example/x?sslrootcert=/etc/passwd',
  'postgresql://me@db.example/x?sslmode=require&sslkey=/dev/zero',
  'postgresql://me@db.example:0x/x',
  'postgresql://me@db.example/x?sslmode=maybe',
])('"%s" names none', (text) => {
  expect(serverAddress(text)).toBeUndefined()
})
