// Writes what is made from the code and kept in the repository; a test compares what is kept with what the code says.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { publishedSchemas } from './published-schemas.ts'

for (const [path, text] of Object.entries(await publishedSchemas())) {
  const file = fileURLToPath(new URL(`../${path}`, import.meta.url))
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}
