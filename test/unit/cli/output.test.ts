import { expect, test } from 'vitest'
import { listTable } from '../../../packages/cli/output.ts'

const head = ['tenant', 'state', 'plan', 'region']
const rows = [['acme', 'active', 'pro', 'eu-north']]
const on = (terminal: { isTTY?: boolean; columns?: number }) =>
  listTable({ write: () => true, ...terminal }, head, rows)

test('on a terminal the columns that have no room are left out and named; no line is longer than it', () => {
  expect(on({ isTTY: true, columns: 80 })).toBe('TENANT  STATE   PLAN  REGION\nacme    active  pro   eu-north')
  expect(on({ isTTY: true, columns: 30 })).toBe(on({ isTTY: true, columns: 80 }))
  expect(on({ isTTY: true, columns: 29 })).toBe(
    'TENANT  STATE   PLAN\nacme    active  pro\n(no room for: region; --output yaml shows all)',
  )
  expect(on({ isTTY: true, columns: 5 })).toContain('TENANT  STATE\nacme    active\n')
})

test('in a pipe a table is whole', () => {
  expect(on({})).toContain('REGION')
  expect(on({ columns: 5 })).toContain('REGION')
})
