import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { FreeholdError } from '../../domain/errors.ts'
import { quoteIdentifier } from '../../domain/names.ts'
import { movedState } from '../../domain/relocation.ts'
import { together } from '../mappers/database/connections.ts'
import { nameIn } from '../mappers/database/tables.ts'
import { connectMover, withMover, type Move, type MoveEnd } from './end.ts'
import { subscription } from './subscription.ts'

/** Names of what a move makes in the two databases: all of them carry its id, so that what is left is found by it. */
export function namesOf({ id }: Pick<Move, 'id'>) {
  const own = `fh_${id}`
  return { schema: own, forward: `${own}_f`, reverse: `${own}_r` }
}

/** The trigger that refuses writes on the side that is not the tenant's; what replicates does not fire it. */
export const movedTrigger = '_moved'

/** One direction of the stream: what is written at `from` is applied at `to`. */
export type Stream = { readonly name: string; readonly from: MoveEnd; readonly to: MoveEnd }

export function streamsOf(move: Move): { forward: Stream; reverse: Stream } {
  const { forward, reverse } = namesOf(move)
  return {
    forward: { name: forward, from: move.source, to: move.target },
    reverse: { name: reverse, from: move.target, to: move.source },
  }
}

/**
 * Makes at one end what a move needs there: a schema of the mover's own with the table of markers and the function that
 * refuses. Doing so twice is doing so once.
 */
async function prepareEnd(client: pg.ClientBase, move: Move): Promise<void> {
  const schema = quoteIdentifier(namesOf(move).schema)
  await together(
    client,
    'begin',
    `create schema if not exists ${schema}`,
    `create table if not exists ${schema}.marker (id text primary key, at timestamptz not null default now())`,
    `create or replace function ${schema}.moved() returns trigger language plpgsql set search_path = pg_catalog as $$
      begin
        raise sqlstate '${movedState}' using message = 'this side does not take writes: the tenant moves, or has moved',
          hint = 'Read the tenant context again, and run the transaction where it says.';
      end $$`,
    'commit',
  )
}

/** Every table that a statement can name: partitioned ones refuse as well, whatever partition they would write to. */
async function writableTables(client: pg.ClientBase, schema: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select c.relname::text as name from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relkind in ('r', 'p') order by c.relname collate "C"`,
    [schema],
  )
  return rows.map(({ name }) => nameIn(schema, name))
}

/**
 * Statements that make every table of a schema refuse writes, and one that makes all take them again. That leaves the triggers there,
 * asleep: to drop one waits for everybody who reads its table, and they may read for hours.
 */
export async function refusing(
  client: pg.ClientBase,
  move: Move,
  { names: { schema } }: MoveEnd,
): Promise<{ tables: string[]; refuse: string[]; accept: string }> {
  const tables = await writableTables(client, schema)
  const moved = `${quoteIdentifier(namesOf(move).schema)}.moved()`
  return {
    tables,
    refuse: tables.map(
      (table) => `create or replace trigger ${movedTrigger} before insert or update or delete or truncate on ${table}
        for each statement execute function ${moved}`,
    ),
    accept: `do $accept$ declare refusing record; begin
      for refusing in select t.tgrelid::pg_catalog.regclass as name from pg_catalog.pg_trigger t
          join pg_catalog.pg_class c on c.oid = t.tgrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
          where t.tgname = '${movedTrigger}' and n.nspname = ${pg.escapeLiteral(schema)} order by c.relname collate "C" loop
        execute pg_catalog.format('alter table only %s disable trigger ${movedTrigger}', refusing.name);
      end loop; end $accept$`,
  }
}

/**
 * Closes the side that is to be filled: every table refuses writes, and the tenant's role cannot even name one. What
 * replicates is let through.
 */
export async function closeTarget(move: Move, signal: AbortSignal): Promise<void> {
  await withMover(move.target, { signal }, async (client) => {
    await prepareEnd(client, move)
    const { refuse } = await refusing(client, move, move.target)
    const { schema, appRole } = move.target.names
    await together(
      client,
      'begin',
      ...refuse,
      `revoke usage on schema ${quoteIdentifier(schema)} from ${quoteIdentifier(appRole)}`,
      'commit',
    )
  })
}

/** Publishes at an end all tables that have rows, and the markers. What an earlier try has published is published anew. */
export async function publish(move: Move, { name, from }: Stream, tables: readonly string[], signal: AbortSignal) {
  await withMover(from, { signal }, async (client) => {
    await prepareEnd(client, move)
    const all = [...tables.map((table) => nameIn(from.names.schema, table)), `${namesOf(move).schema}.marker`]
    await together(
      client,
      'begin',
      `drop publication if exists ${name}`,
      `create publication ${name} for table ${all.join(', ')}`,
      'commit',
    )
  })
}

/** The snapshot that a slot begins behind; it is there for as long as its session is. */
export type SlotSnapshot = { readonly snapshot: string; readonly lsn: string; end(): Promise<void> }

/**
 * Makes the slot of a stream, in place of what an earlier try may have left, and gives the snapshot that goes with it. Waits
 * for transactions of the whole server that are older, `waitMs` at most. Throws `move_blocked` with who they are.
 */
export async function createSlot(stream: Stream, waitMs: number, signal: AbortSignal): Promise<SlotSnapshot> {
  await dropSlot(stream, signal)
  const client = await connectMover(stream.from, {
    signal,
    replication: true,
    settings: { lock_timeout: `${waitMs}ms` },
  })
  try {
    const { rows } = await client.query<{ snapshot_name: string; consistent_point: string }>(
      `CREATE_REPLICATION_SLOT ${stream.name} LOGICAL pgoutput (SNAPSHOT 'export')`,
    )
    const [row] = rows
    if (row === undefined) throw new Error('the server gave no snapshot')
    return { snapshot: row.snapshot_name, lsn: row.consistent_point, end: () => client.end().catch(() => {}) }
  } catch (error) {
    void client.end().catch(() => {})
    if (error instanceof pg.DatabaseError && error.code === lockNotAvailable) throw await blocked(stream, signal)
    throw error
  }
}

const lockNotAvailable = '55P03'

async function blocked({ from }: Stream, signal: AbortSignal): Promise<FreeholdError> {
  const who = await withMover(from, { signal }, async (client) => {
    const { rows } = await client.query<{ who: string }>(
      `select pg_catalog.format('process %s of role "%s" in database "%s" (%s, since %s s)', pid, usename, datname, state,
          pg_catalog.round(extract(epoch from now() - xact_start))) as who
        from pg_catalog.pg_stat_activity where backend_xid is not null and pid <> pg_catalog.pg_backend_pid()
        order by xact_start limit 3`,
    )
    return rows.map((row) => row.who).join('; ')
  })
  return new FreeholdError(
    'move_blocked',
    `the copy cannot begin before transactions that were open already have ended: ${who || 'they ended just now'}. It is tried again`,
  )
}

/** Owners of tables with forced policies may not apply rows to them; the mover, whom no policy binds, may. */
const forcedStatement = `select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and c.relrowsecurity and c.relforcerowsecurity limit 1`

/**
 * Makes the subscription that applies a stream, as the owner of the tables where that may apply to all of them. The slot is there.
 * It goes on after an error: a connection that breaks is one as well, and a stream that it stopped would keep the tenant from its
 * way back. What cannot be applied is tried again, and nothing behind it arrives.
 */
export async function subscribe({ name, from, to }: Stream, signal: AbortSignal): Promise<void> {
  await withMover(to, { signal }, async (client) => {
    if ((await subscription(client, name)) !== undefined) return
    const { rowCount } = await client.query(forcedStatement, [to.names.schema])
    await client.query(`create subscription ${name} connection ${pg.escapeLiteral(conninfo(from.moverUrl))}
      publication ${name} with (create_slot = false, slot_name = '${name}', copy_data = false, origin = none,
        disable_on_error = false, streaming = on, synchronous_commit = off,
        run_as_owner = ${rowCount !== 0})`)
  })
}

/** The way back, of which there is nothing yet: a slot at the target from now on, and its subscription at the source. `origin = none` keeps the two from looping. */
export async function captureBack(
  move: Move,
  tables: readonly string[],
  waitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { reverse } = streamsOf(move)
  await publish(move, reverse, tables, signal)
  const slot = await createSlot(reverse, waitMs, signal)
  await slot.end()
  await subscribe(reverse, signal)
}

/** As libpq takes it. */
function conninfo(url: string): string {
  const { hostname, port, username, password, pathname } = new URL(url)
  const parts = {
    host: hostname,
    port: port || '5432',
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    dbname: decodeURIComponent(pathname.slice(1)),
    application_name: 'freehold-move',
    connect_timeout: '10',
  }
  return Object.entries(parts)
    .map(([key, value]) => `${key}='${value.replaceAll('\\', String.raw`\\`).replaceAll("'", String.raw`\'`)}'`)
    .join(' ')
}

/** Writes a marker at one end. @returns when it is there */
export async function writeMarker(client: pg.ClientBase, move: Move, id: string): Promise<void> {
  await client.query(`insert into ${namesOf(move).schema}.marker (id) values ($1)`, [id])
}

/** SQL that gives a row once a marker has arrived. @param id as SQL */
export function markerStatement(move: Move, id: string): string {
  return `select from ${namesOf(move).schema}.marker where id = ${id}`
}

/** Whether a marker has arrived. */
export async function hasMarker(client: pg.ClientBase, move: Move, id: string): Promise<boolean> {
  const { rowCount } = await client.query(markerStatement(move, '$1'), [id])
  return rowCount === 1
}

/** Waits until a marker has come through a stream. Throws the reason of the signal. */
export async function awaitMarker(client: pg.ClientBase, move: Move, id: string, signal: AbortSignal): Promise<void> {
  for (let waits = 0; ; waits += 1) {
    signal.throwIfAborted()
    if (await hasMarker(client, move, id)) return
    // The first looks come at once: the pause of a cut is this wait.
    if (waits > 20) await sleep(Math.min(waits - 20, 50), undefined, { signal })
  }
}

/** Removes a stream: subscription, slot and publication. What is not there is success. */
export async function dropStream(stream: Stream, signal: AbortSignal): Promise<void> {
  await dropSubscription(stream, signal)
  await dropPublished(stream, signal)
}

/** Removes what applies a stream. */
export async function dropSubscription({ name, to }: Stream, signal: AbortSignal): Promise<void> {
  await withMover(to, { signal }, async (client) => {
    if ((await subscription(client, name)) === undefined) return
    await client.query(`alter subscription ${name} disable`)
    await client.query(`alter subscription ${name} set (slot_name = none)`)
    await client.query(`drop subscription ${name}`)
  })
}

/** Removes what sends a stream: its slot and its publication. */
export async function dropPublished(stream: Stream, signal: AbortSignal): Promise<void> {
  await dropSlot(stream, signal)
  await withMover(stream.from, { signal }, (client) => client.query(`drop publication if exists ${stream.name}`))
}

async function dropSlot({ name, from }: Stream, signal: AbortSignal): Promise<void> {
  await withMover(from, { signal }, async (client) => {
    for (;;) {
      signal.throwIfAborted()
      const { rows } = await client.query<{ active_pid: number | null }>(
        'select active_pid from pg_catalog.pg_replication_slots where slot_name = $1',
        [name],
      )
      const [slot] = rows
      if (slot === undefined) return
      if (slot.active_pid === null) {
        await client.query('select pg_catalog.pg_drop_replication_slot($1)', [name])
        return
      }
      await client.query('select pg_catalog.pg_terminate_backend($1)', [slot.active_pid])
      await sleep(50, undefined, { signal })
    }
  })
}
