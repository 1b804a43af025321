import { describe, expect, test } from 'vitest'
import { compileFilter } from '../../../packages/service-bus-broker/filter.ts'
import { parseSqlFilter } from '../../../packages/service-bus-broker/sql-filter.ts'

const system = { label: 'created', messageid: 'm1' }
const user = {
  region: 'eu',
  size: 2,
  vip: true,
  'two words': 'x',
  quote: "it's",
  percent: '50%',
  Mixed: 'c',
  minus: -1.5,
}

const matches = (expression: string) => compileFilter({ kind: 'sql', expression })({ system, user })

describe('the SQL subset', () => {
  test.each([
    '1=1',
    "region = 'eu'",
    "REGION = 'eu'",
    "mixed = 'c'",
    "user.region = 'eu'",
    "sys.Label = 'created'",
    "sys.label = 'created' AND sys.MessageId <> 'm2'",
    "quote = 'it''s'",
    'size = 2',
    'size = 2.0',
    'minus = -1.5',
    '2 = size',
    'vip',
    'vip = true',
    'NOT vip = FALSE',
    'NOT NOT vip',
    "[two words] = 'x'",
    '"two words" = \'x\'',
    "region IN ('us', 'eu')",
    "region NOT IN ('us', 'de')",
    "region LIKE 'e%' AND region LIKE '_u' AND region NOT LIKE 'u%'",
    "percent LIKE '50\\%' ESCAPE '\\'",
    'missing IS NULL',
    'region IS NOT NULL',
    "region = 'us' OR size = 2 AND vip",
    "(region = 'eu' OR size = 3) AND NOT (size = 3)",
    "region='eu'AND size=2",
    "\n region = 'eu'\t\n",
  ])('%s matches', (expression) => {
    expect(matches(expression)).toBe(true)
  })

  test.each([
    '1=0',
    "region = 'EU'",
    "region <> 'eu'",
    "size = '2'",
    'missing = missing',
    "missing <> 'x'",
    "NOT missing = 'x'",
    "missing LIKE '%'",
    "missing NOT IN ('x')",
    "region NOT IN ('us', missing)",
    "missing = 'x' AND vip",
    "region LIKE 'e'",
    "region LIKE 'E%'",
    "percent LIKE '5.%'",
    "(region = 'us' OR size = 2) AND NOT vip",
    'region',
  ])('%s does not match', (expression) => {
    expect(matches(expression)).toBe(false)
  })

  test('unknown is neither true nor false, but can be decided by the other side', () => {
    expect(matches("missing = 'x' OR vip")).toBe(true)
    expect(matches("NOT (missing = 'x' AND 1 = 0)")).toBe(true)
    expect(matches("NOT (missing = 'x' OR 1 = 0)")).toBe(false)
  })

  test.each([
    ['', 'the end'],
    ['size > 1', '>'],
    ['size >= 1', '>='],
    ['size != 1', '!='],
    ['size + 1 = 2', '+'],
    ['size = 1 + 1', '+'],
    ['EXISTS(size)', 'EXISTS'],
    ['newid() = 1', '('],
    ["region = 'eu", "'"],
    ["region = 'eu' size", 'size'],
    ["region = 'eu' AND", 'the end'],
    ['(size = 1', 'the end'],
    ['size = 1)', ')'],
    ['size IN ()', ')'],
    ['size IN (1', 'the end'],
    ['size IS 1', '1'],
    ['region LIKE size', 'size'],
    ['size NOT 1', '1'],
    ['size = NULL', 'NULL'],
    ['= 1', '='],
    ['sys.Nothing = 1', 'Nothing'],
    ['a.b = 1', '.'],
    ['size = @p', '@'],
    ['size = 1; DROP', ';'],
  ])('%s is refused and names what is outside', (expression, found) => {
    expect(() => parseSqlFilter(expression)).toThrow(`is not supported at '${found}'`)
  })

  test('an expression of more than 1,024 characters is refused', () => {
    expect(() => parseSqlFilter(`a = '${'x'.repeat(1024)}'`)).toThrow(/1024/)
  })
})

describe('correlation filters', () => {
  test('match when all conditions are equal', () => {
    const filter = (labels: Record<string, string>, properties: Record<string, string | number | boolean>) =>
      compileFilter({ kind: 'correlation', system: labels, user: properties })({ system, user })
    expect(filter({ label: 'created' }, { region: 'eu', size: 2, vip: true })).toBe(true)
    expect(filter({}, {})).toBe(true)
    expect(filter({ label: 'other' }, { region: 'eu' })).toBe(false)
    expect(filter({ label: 'created' }, { size: '2' })).toBe(false)
    expect(filter({}, { missing: 1 })).toBe(false)
  })
})
