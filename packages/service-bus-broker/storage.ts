import { DatabaseSync } from 'node:sqlite'
import type { StatementSync } from 'node:sqlite'
import type { Entry } from './message.ts'

type Row = Record<string, unknown>

const schema = `
  create table if not exists meta (key text primary key, value text not null) without rowid;
  create table if not exists entities (id integer primary key, parent integer, namespace text not null,
    description text not null, sequence integer not null default 0);
  create table if not exists messages (box integer not null, sequence integer not null, state text not null,
    delivery_count integer not null, fields text not null, content blob not null,
    primary key (box, sequence)) without rowid;
  create table if not exists sessions (subscription integer not null, session text not null, state blob not null,
    primary key (subscription, session)) without rowid;
  create table if not exists seen (topic integer not null, message text not null, until integer not null,
    primary key (topic, message)) without rowid;`

const statements = {
  meta: 'insert or replace into meta values (?, ?)',
  entity: `insert into entities (id, parent, namespace, description) values (?, ?, ?, ?)
    on conflict (id) do update set description = excluded.description`,
  sequence: 'update entities set sequence = ? where id = ?',
  dropEntity: 'delete from entities where id = ?',
  message: 'insert or replace into messages values (?, ?, ?, ?, ?, ?)',
  dropMessage: 'delete from messages where box = ? and sequence = ?',
  dropBox: 'delete from messages where box = ?',
  session: 'insert or replace into sessions values (?, ?, ?)',
  dropSession: 'delete from sessions where subscription = ? and session = ?',
  dropSessions: 'delete from sessions where subscription = ?',
  seen: 'insert or replace into seen values (?, ?, ?)',
  dropSeen: 'delete from seen where topic = ? and until <= ?',
} as const

/** How long to wait after a failed commit, such as of a full disk, before the next try (ms). */
const retryAfter = 1000

type Parameter = string | number | null | Uint8Array

/**
 * Everything that outlives a restart, in one SQLite file. Writes of one turn of the event loop are one transaction
 * (group commit); {@link whenDurable} tells when they are on disk. Reading happens only at start.
 */
export class Storage {
  readonly #db: DatabaseSync
  readonly #statements: Map<keyof typeof statements, StatementSync>
  readonly #failed: (error: unknown) => void
  #writes: [keyof typeof statements, () => Parameter[]][] = []
  #waiting: (() => void)[] = []
  #flush: NodeJS.Immediate | undefined
  #retry: NodeJS.Timeout | undefined
  #closed = false

  /** Opens or creates the file; `failed` hears of commits that failed and will be tried again. */
  constructor(file: string, failed: (error: unknown) => void) {
    this.#db = new DatabaseSync(file)
    this.#failed = failed
    // Exclusive: a second broker on the same file would undo what this one does.
    this.#db.exec('pragma locking_mode = exclusive; pragma journal_mode = wal; pragma synchronous = normal;')
    this.#db.exec(schema)
    const names = Object.keys(statements) as (keyof typeof statements)[]
    this.#statements = new Map(names.map((name) => [name, this.#db.prepare(statements[name])]))
  }

  /** All rows of a table. */
  rows(table: 'meta' | 'entities' | 'messages' | 'sessions' | 'seen'): Row[] {
    return this.#db.prepare(`select * from ${table}`).all()
  }

  /** Queues one write; parameters are taken when it is committed. */
  write(name: keyof typeof statements, parameters: () => Parameter[]): void {
    if (this.#closed) return
    this.#writes.push([name, parameters])
    if (!this.#retry) this.#flush ??= setImmediate(() => this.#commit())
  }

  /** Queues the writing of a message's place in a box (a queue or a topic's schedule). */
  saveEntry(box: number, entry: Entry): void {
    this.write('message', () => {
      const { content, ...fields } = entry.message
      return [box, entry.sequence, entry.state, entry.deliveryCount, JSON.stringify(fields), content]
    })
  }

  /** Calls back once everything written so far is on disk. */
  whenDurable(callback: () => void): void {
    if (this.#writes.length === 0) callback()
    else this.#waiting.push(callback)
  }

  /** Commits what is left and closes the file. */
  close(): void {
    this.#commit()
    this.#closed = true
    clearTimeout(this.#retry)
    this.#db.close()
  }

  #commit(): void {
    clearImmediate(this.#flush)
    this.#flush = undefined
    if (this.#writes.length === 0) return
    try {
      this.#db.exec('begin')
      for (const [name, parameters] of this.#writes) this.#statements.get(name)?.run(...parameters())
      this.#db.exec('commit')
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('rollback')
      this.#failed(error)
      this.#retry = setTimeout(() => {
        this.#retry = undefined
        this.#commit()
      }, retryAfter)
      return
    }
    const waiting = this.#waiting
    this.#writes = []
    this.#waiting = []
    for (const callback of waiting) callback()
  }
}

/** An entry from its row. */
export function entryOf(row: Row): Entry {
  const fields = JSON.parse(String(row['fields']))
  const content = row['content'] instanceof Uint8Array ? Buffer.from(row['content']) : Buffer.alloc(0)
  return {
    sequence: Number(row['sequence']),
    state: row['state'] === 'deferred' || row['state'] === 'scheduled' ? row['state'] : 'active',
    deliveryCount: Number(row['delivery_count']),
    // JSON has no Infinity: a message that never expires comes back with null.
    message: { ...fields, content, expiresAt: fields.expiresAt ?? Infinity },
  }
}
