// Writes the published JSON Schemas; a test compares what is kept with what the code says.
import { mkdirSync, writeFileSync } from 'node:fs'
import { manifestJsonSchema } from '../domain/manifest.ts'

const directory = new URL('../docs/schemas/', import.meta.url)
mkdirSync(directory, { recursive: true })
writeFileSync(new URL('tenant-v1alpha1.json', directory), `${JSON.stringify(manifestJsonSchema(), null, 2)}\n`)
