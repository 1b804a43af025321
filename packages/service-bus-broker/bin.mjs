#!/usr/bin/env node
// In a clone it runs the sources; what npm installs has none, because Node strips no types inside node_modules, and runs
// what was compiled from them.
import { existsSync } from 'node:fs'

const source = new URL('./main.ts', import.meta.url)
await import(existsSync(source) ? source.href : new URL('./dist/main.js', import.meta.url).href)
