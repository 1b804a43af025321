import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Client, Operation, TenantContext } from '@freehold/sdk'
import pg from 'pg'
import type { DemoStack } from './stack.ts'

/** Names that are looked for when the tenant is gone; nobody else has them. */
export const person = { name: 'Nobody Forgets Me', email: 'nobody-forgets-me@example.com' }
export const slug = 'acme'

/** The tenant of the demonstration, as its owner and its services see it. */
export type DemoTenant = ReturnType<typeof openTenant>

export function openTenant(stack: DemoStack, profile: string) {
  const { client, stateDir } = stack

  /** A command by the API, waited for; gives how long it took by the registry's clock. Throws when it did not succeed. */
  async function command(name: Parameters<Client['transition']>[1], confirmed: { confirm?: string } = {}) {
    const accepted = await client.transition(slug, name, { reason: 'the demonstration', ...confirmed })
    return ended(accepted.id)
  }
  async function ended(id: string): Promise<{ operation: Operation; ms: number }> {
    const operation = await client.waitForOperation(id)
    if (operation.state !== 'succeeded')
      throw new Error(`${operation.kind} is ${operation.state}: ${operation.error?.message ?? ''}`)
    const ms = new Date(operation.finishedAt ?? 0).getTime() - new Date(operation.createdAt).getTime()
    return { operation, ms }
  }

  /** A session of the tenant's own login. */
  async function session(url?: string): Promise<pg.Client> {
    const connectionString = url ?? (await client.readCredentials(slug)).database.url
    const opened = new pg.Client({ connectionString })
    // A session that is ended says so here as well; what was asked of it is refused, which is what is looked at.
    opened.on('error', () => {})
    await opened.connect()
    return opened
  }

  /** Hash over every row of every table, and over every object. */
  async function fingerprint(): Promise<{ rows: number; objects: number; hash: string }> {
    const reader = await session()
    const hash = createHash('sha256')
    let rows = 0
    const tables = await reader.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = current_schema() order by 1`,
    )
    for (const { name } of tables.rows) {
      const found = await reader.query<{ text: string }>(`select t::text as text from ${name} t order by 1`)
      rows += found.rows.length
      for (const { text } of found.rows) hash.update(`${name} ${text}\n`)
    }
    await reader.end()
    const area = await areaOf()
    const objects = readdirSync(area)
      .filter((file) => !file.startsWith('.'))
      .toSorted()
    for (const file of objects) hash.update(file).update(readFileSync(join(area, file)))
    return { rows, objects: objects.length, hash: hash.digest('hex') }
  }

  async function areaOf(): Promise<string> {
    const { objectStore }: TenantContext['topology'] = (await client.getTenantContext(slug)).topology
    return join(stateDir, 'objects', objectStore.container, objectStore.prefix)
  }

  /** Data as a service of the tenant writes it. */
  async function fill(): Promise<void> {
    const writer = await session()
    await writer.query(
      `insert into customers (name, email) select 'customer ' || n, 'c' || n || '@example.com' from generate_series(1, 5000) n`,
    )
    await writer.query('insert into customers (name, email) values ($1, $2)', [person.name, person.email])
    await writer.end()
    const area = await areaOf()
    mkdirSync(area, { recursive: true })
    for (let number = 1; number <= 20; number += 1)
      writeFileSync(join(area, `invoice-${number}.txt`), `${person.name} ${number}`)
  }

  return { ...stack, profile, command, ended, session, fingerprint, fill }
}
