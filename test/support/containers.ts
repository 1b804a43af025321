import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'

const root = join(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')

const texts = z.array(z.string())
const serviceSchema = z.object({
  image: z.string(),
  build: z.string().optional(),
  command: texts.optional(),
  environment: z.record(z.string(), z.string()).default({}),
  depends_on: z.record(z.string(), z.looseObject({ condition: z.string() })).default({}),
  ports: texts.default([]),
  volumes: texts.default([]),
  configs: z.array(z.object({ source: z.string(), target: z.string() })).default([]),
  network_mode: z.string().optional(),
  restart: z.string(),
  healthcheck: z.looseObject({ test: texts.optional(), disable: z.boolean().optional() }).optional(),
})
export type ComposeService = z.output<typeof serviceSchema>
const composeSchema = z.object({
  services: z.record(z.string(), serviceSchema),
  configs: z.record(z.string(), z.object({ content: z.string() })),
  volumes: z.record(z.string(), z.null()),
})

/** Names of the variables that docker-compose.yml wants from its surroundings. */
export function wantedVariables(): string[] {
  return [
    ...new Set(Array.from(read('docker-compose.yml').matchAll(/(?<!\$)\$\{(\w+):\?[^}]+\}/g), ([, name = '']) => name)),
  ]
}

/**
 * docker-compose.yml as the engine takes it: merged, with these variables, or their defaults, filled in. Throws for one that
 * is not given and has no default.
 */
export function composeWith(variables: Readonly<Record<string, string>>) {
  const filled = (text: string) =>
    text.replaceAll(/\$\$|\$\{(\w+)(?::-)?([^}]*)\}/g, (written: string, name?: string, standard?: string) => {
      if (name === undefined) return '$'
      const value = variables[name] ?? (written.includes(':-') ? standard : undefined)
      if (value === undefined) throw new Error(`docker-compose.yml wants ${name}: ${written}`)
      return value
    })
  const fill = (node: unknown): unknown => {
    if (typeof node === 'string') return filled(node)
    if (Array.isArray(node)) return node.map(fill)
    if (node === null || typeof node !== 'object') return node
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, fill(value)]))
  }
  return composeSchema.parse(fill(parse(read('docker-compose.yml'), { merge: true })))
}

/** The instructions of the Dockerfile in their order, lines joined, without comments. */
export function dockerfile(): { instruction: string; rest: string }[] {
  const text = read('Dockerfile')
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll('\\\n', ' ')
  return Array.from(text.matchAll(/^([A-Z]+)\s+(.+)$/gm), ([, instruction = '', rest = '']) => ({
    instruction,
    rest: rest.replaceAll(/\s+/g, ' '),
  }))
}

/** What the image sets in the environment of its processes. */
export function imageEnvironment(): Record<string, string> {
  const set = dockerfile().filter(({ instruction }) => instruction === 'ENV')
  return Object.fromEntries(
    set.flatMap(({ rest }) => rest.split(' ').map((pair) => pair.split('=') as [string, string])),
  )
}
