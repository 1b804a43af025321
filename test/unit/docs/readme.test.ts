import { readFileSync } from 'node:fs'
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { manifestJsonSchema } from '../../../domain/manifest.ts'
import { describeConfig } from '../../../base/config.ts'
import { apiMetrics, registryGauges, workerMetrics } from '../../../base/metrics.ts'

const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')

test('the README lists every variable with its default and meaning, and no other', () => {
  const described = describeConfig().map(
    ({ name, standard, meaning }) => `| \`${name}\` | ${standard === '' ? '-' : `\`${standard}\``} | ${meaning} |`,
  )
  expect(rowsBelow('### Every variable')).toEqual(described)
})

test('the README lists every manifest field that is refused as not available, and no other', () => {
  const listed = rowsBelow('### Refused for now')
    .filter((row) => row.includes('(any value)'))
    .map((row) => /`([^`]+)`/.exec(row)?.[1])
  const refused = refusedFields(manifestJsonSchema())
  expect(refused).not.toEqual([])
  expect(new Set(listed)).toEqual(new Set(refused))
})

test('the README lists every metric with its labels, and no other', () => {
  const [api, worker] = [new Registry(), new Registry()]
  apiMetrics(api)
  registryGauges(api, async () => {})
  workerMetrics(worker)
  const row = (of: string) => (metric: { name: string; help: string }) => {
    const { labelNames } = metric as unknown as { labelNames: string[] }
    const labels = labelNames.map((label) => `\`${label}\``).join(', ')
    return `| \`${metric.name}\` | ${labels || '-'} | ${of} | ${metric.help} |`
  }
  const registered = [...api.getMetricsAsArray().map(row('API')), ...worker.getMetricsAsArray().map(row('worker'))]
  expect(rowsBelow('### Every metric')).toEqual(registered)
})

/** Rows of the first table below a heading, without its head. */
function rowsBelow(heading: string): string[] {
  const lines = readme.slice(readme.indexOf(`${heading}\n`)).split('\n')
  const start = lines.findIndex((line) => line.startsWith('|'))
  const length = lines.slice(start).findIndex((line) => !line.startsWith('|'))
  return lines.slice(start + 2, start + length)
}

type Schema = {
  'x-freehold'?: string
  properties?: Record<string, Schema>
  items?: Schema
  $defs?: Record<string, Schema>
}

/** Paths of the fields that the schema marks as not available; `[]` stands for any item of a list. */
function refusedFields(schema: Schema, path = ''): string[] {
  if (schema['x-freehold'] === 'not-available') return [path]
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, field]) =>
    refusedFields(field, path === '' ? name : `${path}.${name}`),
  )
  // The root is a reference to its only definition.
  below.push(...Object.values(schema.$defs ?? {}).flatMap((definition) => refusedFields(definition, path)))
  return schema.items === undefined ? below : [...below, ...refusedFields(schema.items, `${path}[]`)]
}
