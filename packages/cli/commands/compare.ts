import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { stringify } from 'yaml'
import type { Drift, Preview } from '@freehold/sdk'
import { eachManifest } from '../each-manifest.ts'
import { CliError, exitCodes } from '../failures.ts'
import { print, table } from '../output.ts'
import type { Session } from '../session.ts'

/**
 * `preview`: what applying every manifest of the files would do; nothing is changed. One that is refused is reported and the
 * others are still looked at. Gives the exit code: that of the first error, or that of a refusal when the policy objects.
 */
export async function preview(session: Session, { file }: { file: string[] }): Promise<number> {
  const { client, io, format } = session
  const { answers: previews, codes } = await eachManifest(session, file, client.previewManifest)
  if (previews.length > 0 || format !== 'table')
    print(io.stdout, format, previews, () => previews.map(forPeople).join('\n\n'))
  const isDenied = previews.some(({ violations }) => violations.length > 0)
  return codes[0] ?? (isDenied ? exitCodes.refused : exitCodes.ok)
}

const marks = { create: '+', change: '~', migrate: '~', remove: '-' } as const

function forPeople({ slug, operation, generation, fields, changes, violations }: Preview): string {
  if (operation === null) return `${slug}: in force already; nothing would change`
  const irreversible = changes.some((change) => change.irreversible)
  const rows = changes.map((change) => [
    `${marks[change.action]} ${change.action}${change.irreversible ? ' !' : ''}`,
    change.resource,
    change.cell ?? 'a cell with room',
    what(change),
  ])
  return [
    `${slug}: ${operation}, generation ${generation}`,
    ...(fields.length === 0 ? [] : [`changed fields: ${fields.map(({ path }) => path).join(', ')}`]),
    ...(rows.length === 0 ? ['no resource would change'] : [table(['what', 'resource', 'where', 'change'], rows)]),
    ...(irreversible ? ['! cannot be undone: nothing gives back what was there'] : []),
    ...violations.map(
      ({ rule, path, message, remedy }) =>
        `DENIED by ${rule}${path === undefined ? '' : ` (${path})`}: ${message}${remedy === undefined ? '' : `; ${remedy}`}`,
    ),
  ].join('\n')
}

function what({ from, to }: Preview['changes'][number]): string {
  if (to === null) return ''
  return Object.entries(to)
    .map(([name, value]) => `${name}: ${JSON.stringify(from?.[name] ?? null)} → ${JSON.stringify(value)}`)
    .join(', ')
}

/**
 * `diff`: where what is there differs from what the manifest in force asks for. Throws CliError with exit code 1, after the
 * differences, when there are any.
 */
export async function diff({ client, io, format }: Session, name: string): Promise<void> {
  const found = await client.diffTenant(name)
  const { drift, tenant } = found
  print(io.stdout, format, found, () =>
    drift.length === 0
      ? `${tenant.slug} is as its manifest asks for; what is inside its schemas, tables and rights, was not looked at`
      : table(['resource', 'drift', 'what', 'expected', 'found'], drift.map(driftRow)),
  )
  if (drift.length === 0) return
  throw new CliError(
    exitCodes.operationFailed,
    `${tenant.slug} is not as its manifest asks for (${drift.length} ${drift.length === 1 ? 'difference' : 'differences'})`,
    {
      code: 'drifted',
      next: [`freehold events ${tenant.slug}   # whether it was by a command`, repairs],
    },
  )
}

const repairs = 'to suspend the tenant and resume it makes doors and the files of policies anew'

const driftRow = ({ resource, kind, message, expected, observed }: Drift) => [
  resource,
  kind,
  message,
  ...[expected, observed].map((value) => (value === undefined ? '' : JSON.stringify(value))),
]

/** `export`: the manifest in force, as it can be applied, to the output or into a file; YAML, unless JSON is asked for. */
export async function exportManifest(
  { client, io, format }: Session,
  name: string,
  { file }: { file?: string },
): Promise<void> {
  const manifest = await client.exportManifest(name)
  if (file === undefined) return print(io.stdout, format, manifest, () => stringify(manifest))
  const text = format === 'json' ? JSON.stringify(manifest, null, 2) : stringify(manifest)
  try {
    writeFileSync(resolve(io.cwd, file), text)
  } catch (cause) {
    throw new CliError(exitCodes.usage, `cannot write ${file}: ${(cause as NodeJS.ErrnoException).code}`, {
      next: 'check the path behind --file',
    })
  }
  io.stderr.write(`the manifest is in ${file}; it may hold addresses of people\n`)
}
