import { join, resolve } from 'node:path'
import type { Stack } from './stack.ts'

/** Where programs in another terminal look by themselves. */
const defaults = [
  'http://127.0.0.1:7070',
  '127.0.0.1:7233',
  ...['admin.key', 'workloads.key'].map((name) => resolve('.freehold', name)),
]

/** For a shell, those that such a program has to be told. */
function assignments(variables: Readonly<Record<string, string>>): string[] {
  return Object.entries(variables)
    .filter(([, value]) => !defaults.includes(value))
    .map(([name, value]) => `${name}=${/^[\w:/.-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`}`)
}

/** What `npm start` says when everything is up: where things are, and what to try next, as it has to be typed here. */
export function welcome(api: string, { stateDir, temporalAddress, temporalUiUrl: ui }: Stack): string {
  const keyFile = (name: string) => ({ FREEHOLD_API_KEY_FILE: join(stateDir, name) })
  const exported = assignments({ FREEHOLD_URL: api, ...keyFile('admin.key') })
  // No export of this: the next `npm start` in that terminal would take it for a server of somebody else.
  const ofTask = assignments({ TEMPORAL_ADDRESS: temporalAddress, ...keyFile('workloads.key') })
  return [
    '',
    'Freehold is up.',
    `  API            ${api}`,
    `  API reference  ${api}/docs`,
    ...(ui === undefined ? [] : [`  Temporal UI    ${ui}`]),
    '',
    'Try next, in another terminal:',
    ...exported.map((one) => `  export ${one}`),
    '  npx freehold list',
    '  npx freehold describe acme',
    '  npx freehold connect acme -- psql',
    `  ${[...ofTask, 'npx node examples/workloads/submit.ts acme'].join(' ')}`,
    '',
    'Ctrl-C stops everything; state is kept.',
  ].join('\n')
}
