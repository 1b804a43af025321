import { once } from 'node:events'
import { createReadStream, createWriteStream, renameSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Writable } from 'node:stream'
import { readRecords, verifyAudit, type AuditResult, type ListedAuditEvent, type PublicSigningKey } from '@freehold/sdk'
import { CliError, exitCodes } from '../failures.ts'
import type { Io } from '../io.ts'
import { readJson } from '../json-file.ts'
import { listTable, print, time } from '../output.ts'
import type { Session } from '../session.ts'
import { plain } from '../text.ts'

type Filters = {
  type?: ListedAuditEvent['type']
  actor?: string
  operation?: string
  correlation?: string
  from?: string
  to?: string
  limit?: number
}

/** `audit list`: events of all tenants and of the platform that fit, oldest first. */
export async function listAudit(
  { client, io, format }: Session,
  tenant: string | undefined,
  { limit = 100, type, ...filters }: Filters,
): Promise<void> {
  const asked = { ...filters, ...(tenant === undefined ? {} : { tenant }), ...(type === undefined ? {} : { type }) }
  const { items, more } = await client.listAudit({ ...asked, limit } as Parameters<typeof client.listAudit>[0])
  print(io.stdout, format, items, () =>
    listTable(
      io.stdout,
      ['time (utc)', 'type', 'actor', 'stream', 'seq', 'operation', 'correlation'],
      items.map((event) => [
        time(event.time),
        event.type,
        event.actor,
        event.stream,
        event.seq,
        event.operationId,
        event.correlationId,
      ]),
    ),
  )
  const last = items.at(-1)
  if (more && last !== undefined) io.stderr.write(`there are more: --from ${plain(last.time)}, or a higher --limit\n`)
}

/** `audit export`: the whole trail, or that of one tenant, into a file or to standard output, a record a line. */
export async function exportAudit(
  { client, io }: Session,
  tenant: string | undefined,
  { file }: { file?: string },
): Promise<void> {
  const stream = await client.exportAudit(tenant)
  if (file === undefined) return whole(pipeline(stream, toSink(io)))
  const path = resolve(io.cwd, file)
  try {
    // Under another name until it is whole.
    await whole(pipeline(stream, createWriteStream(`${path}.part`)))
    renameSync(`${path}.part`, path)
  } catch (error) {
    rmSync(`${path}.part`, { force: true })
    throw error
  }
  io.stderr.write(
    `the trail is in ${file}\nnext: freehold audit verify --file ${file} --keys FILE   # with the keys that you know to be the platform's\n`,
  )
}

type Verify = { file?: string; keys?: string }

/**
 * `audit verify`: everything, one tenant, or a file that was exported, for which no network is needed. Throws CliError with exit
 * code 1 and every finding unless all is well.
 */
export async function verifyTrail(session: Session, tenant: string | undefined, options: Verify): Promise<void> {
  const { io, format } = session
  const { file } = options
  if (tenant !== undefined && file !== undefined)
    throw new CliError(exitCodes.usage, 'name a tenant, or a file with --file')
  const keys = await keysOf(session, options)
  const bytes = file === undefined ? await session.client.exportAudit(tenant) : await readable(file, io.cwd)
  const result = await whole(verifyAudit(readRecords(bytes), keys === undefined ? {} : { keys }), file)
  const { findings, more } = result
  if (findings.length === 0 && options.keys !== undefined && result.unsigned === result.events)
    throw new CliError(
      exitCodes.operationFailed,
      `NOTHING of this trail is signed by a checkpoint: ${checked(result)}`,
      {
        code: 'audit_unsigned',
        next: 'it agrees with itself, which proves nothing against whoever wrote it: export it again once there is a checkpoint',
      },
    )
  if (findings.length === 0 || format !== 'table')
    print(io.stdout, format, result, () => `all is well: ${checked(result)}`)
  if (keys === undefined)
    io.stderr.write(
      "the keys are those of the file itself: give those that you know to be the platform's with --keys\n",
    )
  if (findings.length === 0) return
  throw new CliError(exitCodes.operationFailed, `the audit trail is BROKEN: ${checked(result)}`, {
    code: 'audit_broken',
    notes: [
      ...findings.map(
        ({ kind, stream, seq, expected, found }) =>
          `  ${kind}: ${stream}${seq === null ? '' : ` ${seq}`}: expected ${expected}; found ${found}`,
      ),
      ...(more === 0 ? [] : [`  and ${more} more`]),
    ],
    next: 'compare with the governance topic and with exports that were kept elsewhere; whoever owns the database can do this',
  })
}

function checked({ streams, events, checkpoints, unsigned }: AuditResult): string {
  const newer = unsigned === 0 ? '' : `; ${unsigned} events are newer than the last checkpoint of their stream`
  return `${events} events of ${streams} streams, ${checkpoints} checkpoints${newer}`
}

async function keysOf(session: Session, { file, keys }: Verify): Promise<PublicSigningKey[] | undefined> {
  if (keys === undefined) return file === undefined ? session.client.signingKeys() : undefined
  const known = readJson(keys, session.io.cwd) as { keys?: PublicSigningKey[] }
  if (Array.isArray(known.keys)) return known.keys
  throw new CliError(exitCodes.usage, `${keys} holds no list \`keys\``, {
    next: 'it is what /.well-known/freehold/keys.json answers',
  })
}

async function readable(file: string, cwd: string): Promise<AsyncIterable<Uint8Array>> {
  const path = resolve(cwd, file)
  const handle = await open(path).catch((cause: NodeJS.ErrnoException) => {
    throw new CliError(exitCodes.usage, `${file} cannot be read: ${cause.message}`)
  })
  await handle.close()
  return createReadStream(path)
}

/** What reads an export to its end; a line that is no record, and an export that breaks off, are told as such. */
async function whole<T>(reading: Promise<T>, file?: string): Promise<T> {
  return reading.catch((cause: unknown) => {
    if (cause instanceof SyntaxError)
      throw new CliError(exitCodes.operationFailed, `the audit trail is BROKEN: ${cause.message}`, {
        code: 'audit_broken',
      })
    if (file !== undefined || !(cause instanceof TypeError)) throw cause
    throw new CliError(exitCodes.unreachable, 'the export broke off before its end', { next: 'give the command again' })
  })
}

/** Standard output as a stream that waits when nobody reads. */
function toSink({ stdout }: Io): Writable {
  const decoder = new TextDecoder()
  return new Writable({
    write(piece: Uint8Array, _, done) {
      const isTaken = stdout.write(decoder.decode(piece, { stream: true }))
      if (isTaken !== false || !(stdout instanceof Writable)) return done()
      once(stdout, 'drain').then(() => done(), done)
    },
  })
}
