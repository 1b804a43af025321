import { expect, test } from 'vitest'
import { weigh } from '../../../crypto/tokens.ts'
import { candidateCells } from '../../../domain/placement.ts'

const cell = (name: string, more: object = {}) => ({
  name,
  region: 'eu-west',
  profiles: ['mt-standard'],
  state: 'open' as const,
  environments: undefined,
  ...more,
})
const wanted = { tenantCode: 'k3v9x2ab', region: 'eu-west', profile: 'mt-standard', environment: 'prod' }
const names = (cells: Parameters<typeof candidateCells>[0], more: Partial<typeof wanted> = {}) =>
  candidateCells(cells, { ...wanted, ...more }, weigh).map(({ name }) => name)
const tenants = Array.from({ length: 400 }, (_, index) => `tenant${index}`)

test('only open cells of the region, the profile and the environment take tenants', () => {
  const cells = [
    cell('good'),
    cell('for-prod', { environments: ['prod'] }),
    cell('for-test', { environments: ['test'] }),
    cell('draining', { state: 'draining' }),
    cell('closed', { state: 'closed' }),
    cell('far', { region: 'us-east' }),
    cell('other', { profiles: ['st-dedicated'] }),
  ]
  expect(names(cells).toSorted()).toEqual(['for-prod', 'good'])
  expect(names(cells, { region: 'nowhere' })).toEqual([])
})

test('the order depends on the tenant, not on the order of the cells', () => {
  const cells = ['a', 'b', 'c', 'd'].map((name) => cell(name))
  expect(names(cells)).toEqual(names(cells.toReversed()))
  expect(new Set(tenants.map((tenantCode) => names(cells, { tenantCode })[0]))).toEqual(new Set(['a', 'b', 'c', 'd']))
})

test('a new cell takes its share and moves nobody between the old ones', () => {
  const before = ['a', 'b', 'c'].map((name) => cell(name))
  const after = [...before, cell('new')]
  for (const tenantCode of tenants)
    expect(names(after, { tenantCode }).filter((name) => name !== 'new')).toEqual(names(before, { tenantCode }))
  const moved = tenants.filter((tenantCode) => names(after, { tenantCode })[0] === 'new')
  expect(moved.length).toBeGreaterThan(50)
  expect(moved.length).toBeLessThan(150)
})
