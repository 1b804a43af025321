import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { asideOf, buildAside, putAside } from '../isolation/move/aside.ts'
import { withMover, type Move } from '../isolation/move/end.ts'
import { inspectSchema } from '../isolation/move/inspect.ts'
import { copied, nameIn } from '../isolation/mappers/database/tables.ts'
import { shopSchemas } from './relocate-tenant.ts'

const streams = 2

/**
 * The least a copy can be: the tables in binary through this process into a new database, two at a time and nothing in between,
 * then the same indexes. Milliseconds.
 */
export async function barePipe(superuserUrl: string, move: Move): Promise<{ copyMs: number; buildMs: number }> {
  const { signal } = new AbortController()
  const { schema } = move.source.names
  const { tables, aside } = await withMover(move.source, { signal }, async (client) => ({
    ...(await inspectSchema(client, schema)),
    aside: await asideOf(client, schema),
  }))
  const url = await newDatabase(superuserUrl, 'bench_pipe')
  const sourceUrl = Object.assign(new URL(superuserUrl), { pathname: new URL(move.source.moverUrl).pathname }).href
  const open = async (connectionString: string) => {
    const client = new pg.Client({ connectionString })
    await client.connect()
    return client
  }
  const target = await open(url)
  await target.query(`create schema ${schema}; set search_path = ${schema}`)
  for (const file of globSync('*/*.sql', { cwd: shopSchemas }).toSorted())
    await target.query(readFileSync(join(shopSchemas, file), 'utf8'))
  // What the platform itself has in the schema of a tenant.
  const ours = tables.filter(({ name }) => !name.startsWith('_freehold'))
  await target.query('set search_path = pg_catalog')
  const isOurs = (text: string) => !text.includes('_freehold')
  await putAside(target, { ...aside, drop: aside.drop.filter(isOurs) })
  const queue = ours.toSorted((a, b) => b.bytes - a.bytes)
  const began = performance.now()
  const work = async () => {
    const [source, into] = [await open(sourceUrl), await open(url)]
    for (let table = queue.shift(); table !== undefined; table = queue.shift()) {
      const where = copied(schema, table)
      await into.query(`begin; truncate only ${nameIn(schema, table.name)}`)
      await pipeline(
        source.query(copyTo(`copy ${where} to stdout (format binary)`)),
        into.query(copyFrom(`copy ${where} from stdin (format binary, freeze)`)),
      )
      await into.query('commit')
    }
    await Promise.all([source.end(), into.end()])
  }
  await Promise.all(Array.from({ length: streams }, work))
  const copyDone = performance.now()
  const build = [...aside.build, ...aside.refresh].filter(({ title, statement }) => isOurs(title) && isOurs(statement))
  // Statistics of all tables name the platform's own as well.
  await buildAside(target, build, { signal })
  await target.query(`analyze ${ours.map(({ name }) => nameIn(schema, name)).join(', ')}`)
  const buildDone = performance.now()
  await target.end()
  await dropDatabase(superuserUrl, 'bench_pipe')
  return { copyMs: copyDone - began, buildMs: buildDone - copyDone }
}

/** Milliseconds of `pg_dump | pg_restore` of the same schema, or why there are none. */
export async function dumpAndRestore(superuserUrl: string, move: Move): Promise<number | string> {
  const version = /(\d+)/.exec(spawnSync('pg_dump', ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1]
  if (version === undefined || spawnSync('pg_restore', ['--version']).status !== 0)
    return 'no pg_dump and pg_restore here'
  const client = new pg.Client({ connectionString: superuserUrl })
  await client.connect()
  const { rows } = await client.query<{ version: string }>(
    `select current_setting('server_version_num')::int / 10000 as version`,
  )
  await client.end()
  const server = Number(rows[0]?.version)
  if (Number(version) < server) return `pg_dump is of version ${version}, and the server of ${server}`
  const url = await newDatabase(superuserUrl, 'bench_dump')
  const source = Object.assign(new URL(superuserUrl), { pathname: new URL(move.source.moverUrl).pathname }).href
  const began = performance.now()
  const script =
    'set -o pipefail; pg_dump -Fc -Z0 -n "$SCHEMA" -d "$SOURCE" | pg_restore --no-owner --no-acl -d "$TARGET"'
  const env = { ...process.env, SCHEMA: move.source.names.schema, SOURCE: source, TARGET: url }
  const { status, stderr } = spawnSync('bash', ['-c', script], { env, encoding: 'utf8' })
  const ms = performance.now() - began
  await dropDatabase(superuserUrl, 'bench_dump')
  return status === 0 ? ms : `it failed: ${stderr.slice(0, 200)}`
}

async function newDatabase(superuserUrl: string, name: string): Promise<string> {
  await dropDatabase(superuserUrl, name)
  const client = new pg.Client({ connectionString: superuserUrl })
  await client.connect()
  await client.query(`create database ${name} template template0`)
  await client.end()
  return Object.assign(new URL(superuserUrl), { pathname: `/${name}` }).href
}

async function dropDatabase(superuserUrl: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: superuserUrl })
  await client.connect()
  await client.query(`drop database if exists ${name}`)
  await client.end()
}
