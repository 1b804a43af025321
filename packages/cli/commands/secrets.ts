import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { CliError, exitCodes } from '../failures.ts'
import { listTable, print, time } from '../output.ts'
import type { Session } from '../session.ts'

/** `secrets list`: what there is, without values. */
export async function listSecrets({ client, io, format }: Session): Promise<void> {
  const secrets = await client.listSecrets()
  print(io.stdout, format, secrets, () =>
    listTable(
      io.stdout,
      ['name', 'version', 'updated', 'by', 'used by'],
      secrets.map(({ name, version, updatedAt, updatedBy, usedBy }) => [
        name,
        version,
        time(updatedAt),
        updatedBy,
        usedBy.map(({ tenant, environment }) => `${tenant}/${environment}`).join(', '),
      ]),
    ),
  )
}

type Put = { file: string; reason?: string }

/** `secrets put`: stores what a file or standard input holds, so that it is in no list of processes and no history of a shell. */
export async function putSecret({ client, io, format }: Session, name: string, { file, reason }: Put): Promise<void> {
  const answer = await client.putSecret(name, readValue(file, io.cwd), { reason })
  const { secret, created } = answer
  print(io.stdout, format, answer, () =>
    created ? `${name} is stored` : `${name} is stored as version ${secret.version}; the one before is gone`,
  )
}

/** `secrets delete`. */
export async function deleteSecret(
  { client, io, format }: Session,
  name: string,
  { reason }: { reason?: string },
): Promise<void> {
  const deleted = await client.deleteSecret(name, { reason })
  print(io.stdout, format, deleted, () => `${deleted.name} is deleted`)
}

/** The text, without the line end that editors and `echo` put behind it. */
function readValue(file: string, cwd: string): string {
  const value = read(file, cwd).replace(/\r?\n$/, '')
  if (value !== '') return value
  throw new CliError(exitCodes.usage, `${shown(file)} is empty`, { next: 'put the secret there; nothing was stored' })
}

const shown = (file: string) => (file === '-' ? 'standard input' : file)

function read(file: string, cwd: string): string {
  try {
    return readFileSync(file === '-' ? 0 : resolve(cwd, file), 'utf8')
  } catch {
    throw new CliError(exitCodes.usage, `${shown(file)} cannot be read`, {
      next: 'name a file with --file, or pipe the secret in; nothing was stored',
    })
  }
}
