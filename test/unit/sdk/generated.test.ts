import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { publishedSchemas } from '../../../scripts/published-schemas.ts'

const root = new URL('../../../', import.meta.url)

test(
  'the OpenAPI document and what is made from it are what the code says; else run `npm run schemas`',
  { timeout: 60_000 },
  async () => {
    const published = await publishedSchemas()
    expect(Object.keys(published)).toEqual(
      expect.arrayContaining(['docs/schemas/openapi.json', 'packages/sdk/generated.ts']),
    )
    const kept = Object.keys(published).map((path) => [path, readFileSync(new URL(path, root), 'utf8')])
    expect(Object.fromEntries(kept)).toEqual(published)
  },
)
