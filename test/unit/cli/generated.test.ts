import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { publishedSchemas } from '../../../scripts/published-schemas.ts'

const root = new URL('../../../', import.meta.url)

test('the OpenAPI document and the types of the API are what the code says; else run `node scripts/write-schemas.ts`', async () => {
  const published = await publishedSchemas()
  expect(Object.keys(published)).toEqual(
    expect.arrayContaining(['docs/schemas/openapi.json', 'packages/cli/api-types.ts']),
  )
  const kept = Object.keys(published).map((path) => [path, readFileSync(new URL(path, root), 'utf8')])
  expect(Object.fromEntries(kept)).toEqual(published)
})
