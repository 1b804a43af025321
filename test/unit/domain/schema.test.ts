import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { manifestJsonSchema } from '../../../domain/manifest.ts'

test('the published JSON Schema says what the code says; else run `node scripts/write-schemas.ts`', () => {
  const kept = readFileSync(new URL('../../../docs/schemas/tenant-v1alpha1.json', import.meta.url), 'utf8')
  expect(kept).toBe(`${JSON.stringify(manifestJsonSchema(), null, 2)}\n`)
})
